using Sophia.Native.Data.Chat;
using Sophia.Native.Data.Images;
using Sophia.Native.Data.Tokenization;

namespace Sophia.Native.Models;

/// <summary>Turns text and images into what the model takes: chat format, tokens, tiles, normalized pixels, as a checkpoint's own files say.</summary>
public sealed class InternVLProcessor
{
    private readonly ITokenizer? _tokenizer;
    private readonly string _source;

    /// <summary>Puts a processor together.</summary>
    /// <param name="config">The model.</param>
    /// <param name="tokenizer">Its tokenizer, or null where only ids are used.</param>
    /// <param name="source">Where they come from, for messages.</param>
    public InternVLProcessor(InternVLConfig config, ITokenizer? tokenizer, string source = "the model")
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        _tokenizer = tokenizer;
        _source = source;
    }

    /// <summary>The model.</summary>
    public InternVLConfig Config { get; }

    /// <summary>Whether there is a tokenizer.</summary>
    public bool HasTokenizer => _tokenizer is not null;

    /// <summary>The tokenizer.</summary>
    /// <exception cref="InvalidDataException">The model has none.</exception>
    public ITokenizer Tokenizer => _tokenizer
        ?? throw new InvalidDataException($"{_source}: expected a tokenizer (vocab.json and merges.txt, or tokenizer.model, or tokenizer.json) beside config.json, found none: copy the model's tokenizer files there, or use records with input_ids.");

    /// <summary>The token whose embedding a visual token replaces, or null where neither configuration nor tokenizer names one.</summary>
    public int? ImageTokenId => Config.ImageTokenId ?? _tokenizer?.TokenToId(InternVLTokens.ImageContext);

    /// <summary>The tokens that end a response: the end of a turn, the end of text, and those of the configuration.</summary>
    public IReadOnlyList<int> StopIds
    {
        get
        {
            var stops = new SortedSet<int>(Config.Text.EndOfSequenceTokenIds);
            if (_tokenizer?.TokenToId(InternVLTokens.MessageEnd) is { } endOfTurn)
                stops.Add(endOfTurn);
            if (_tokenizer?.EndOfTextId is { } endOfText)
                stops.Add(endOfText);
            stops.RemoveWhere(id => id < 0 || id >= Config.Text.VocabularySize);
            return [.. stops];
        }
    }

    /// <summary>Reads configuration and, where its files are there, tokenizer of a checkpoint folder.</summary>
    /// <param name="folder">The checkpoint.</param>
    public static InternVLProcessor Load(string folder)
    {
        var config = InternVLConfig.Load(folder);
        var tokenizer = TokenizerFolder.Exists(folder) ? TokenizerFolder.Load(folder) : null;
        return new(config, tokenizer, folder);
    }

    /// <summary>This processor for a model whose rotary positions are scaled for longer sequences; see <see cref="TextConfig.RopeLength"/>.</summary>
    /// <param name="length">The length in tokens that the whole run fixes.</param>
    /// <exception cref="InvalidDataException">The model has no dynamic scaling, or was trained for this length already.</exception>
    public InternVLProcessor WithRopeLength(int length)
    {
        var text = Config.Text with { RopeLength = length };
        if (text.FindFault() is { } fault)
            throw new InvalidDataException($"{_source}: {fault.Key}: {fault.Message}.");
        return new(Config with { Text = text }, _tokenizer, _source);
    }

    /// <summary>Builds the prompt of a question about images.</summary>
    /// <param name="system">The system message; null for the model's own.</param>
    /// <param name="text">What the user says, with or without &lt;image&gt; markers.</param>
    /// <param name="images">Paths of the images.</param>
    /// <param name="areFrames">True if the images are the frames of a video: one tile each, and no thumbnail.</param>
    /// <exception cref="InvalidDataException">An image is missing or broken.</exception>
    public ProcessedPrompt Process(string? system, string text, IReadOnlyList<string> images, bool areFrames = false)
    {
        var sets = new TileSet[images.Count];
        var tiles = new int[images.Count];
        for (var i = 0; i < sets.Length; i++)
        {
            sets[i] = ImageTiler.Tile(ImageDecoder.Load(images[i]), Tiling(images.Count, areFrames));
            tiles[i] = sets[i].Grid.TileCount;
        }
        var prompt = ChatTemplate.Build(text, tiles, new()
        {
            TokensPerTile = Config.VisualTokensPerTile,
            ImagesAreFrames = areFrames,
            SystemMessage = system ?? Config.SystemMessage ?? ChatTemplate.DefaultSystemMessage,
        });
        return new(prompt.Encode(Tokenizer), images.Count == 0 ? null : Normalize(sets, prompt.ImageOrder), tiles.Sum());
    }

    /// <summary>The tokens of a response with the end of its turn.</summary>
    /// <param name="text">The response.</param>
    public int[] EncodeResponse(string text)
    {
        var endOfTurn = Tokenizer.TokenToId(InternVLTokens.MessageEnd) ?? throw new InvalidDataException($"{_source}: the tokenizer lacks {InternVLTokens.MessageEnd}.");
        var ids = new List<int>();
        Tokenizer.EncodeContinuation(text, ids, splitAddedTokens: false);
        return [.. ids, endOfTurn];
    }

    /// <summary>The text of generated tokens, without special tokens and surrounding space.</summary>
    /// <param name="ids">Generated tokens.</param>
    public string DecodeResponse(ReadOnlySpan<int> ids) => Tokenizer.Decode(ids, skipSpecialTokens: true).Trim();

    private TilingOptions Tiling(int images, bool areFrames) => new()
    {
        TileSize = Config.TileSize,
        MinimumTiles = Config.UseDynamicTiles && !areFrames ? Math.Min(Config.MinDynamicPatch, MaximumTiles(images)) : 1,
        MaximumTiles = Config.UseDynamicTiles && !areFrames ? MaximumTiles(images) : 1,
        UseThumbnail = Config.UseThumbnail,
    };

    /// <summary>Several images share the tiles of one, as in the original training code.</summary>
    private int MaximumTiles(int images) => Math.Max(1, Config.MaxDynamicPatch / Math.Max(1, images));

    private static float[] Normalize(TileSet[] sets, IReadOnlyList<int> order)
    {
        var pixels = new float[sets.Sum(set => set.ValueCount)];
        var next = 0;
        foreach (var image in order)
        {
            sets[image].Normalize(pixels.AsSpan(next, sets[image].ValueCount));
            next += sets[image].ValueCount;
        }
        return pixels;
    }
}
