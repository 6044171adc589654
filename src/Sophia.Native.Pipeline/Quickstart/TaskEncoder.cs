using Sophia.Native.Data.Chat;
using Sophia.Native.Data.Images;
using Sophia.Native.Data.Tokenization;
using Sophia.Native.Models;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>Turns tasks, prompts and responses into samples in InternVL's chat format.</summary>
internal sealed class TaskEncoder
{
    private const int VisualTokens = World.CellCount;

    private readonly Qwen2Tokenizer _tokenizer;

    /// <summary>Resolves the end of a turn.</summary>
    /// <param name="tokenizer">The quickstart's tokenizer.</param>
    public TaskEncoder(Qwen2Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        EndOfTurn = tokenizer.TokenToId(InternVLTokens.MessageEnd) ?? throw new ArgumentException($"The tokenizer lacks {InternVLTokens.MessageEnd}.", nameof(tokenizer));
    }

    /// <summary>The token that ends a turn.</summary>
    public int EndOfTurn { get; }

    /// <summary>The normalized picture of a scene, [3 * 56 * 56].</summary>
    /// <param name="scene">The scene.</param>
    public static float[] RenderPixels(Scene scene)
    {
        var image = new RgbImage(SceneRenderer.ImagePixels, SceneRenderer.ImagePixels);
        SceneRenderer.Render(scene, image.Pixels);
        var pixels = new float[3 * SceneRenderer.ImagePixels * SceneRenderer.ImagePixels];
        PixelNormalizer.Normalize(image, pixels);
        return pixels;
    }

    /// <summary>The prompt that a response follows.</summary>
    /// <param name="systemMessage">Plain or slow thinking.</param>
    /// <param name="userText">What the user says.</param>
    /// <param name="hasImage">Whether an image stands before it.</param>
    public int[] EncodePrompt(string systemMessage, string userText, bool hasImage)
    {
        ReadOnlySpan<int> tiles = hasImage ? [1] : [];
        return ChatTemplate.Build(hasImage ? "<image>\n" + userText : userText, tiles, new() { TokensPerTile = VisualTokens, SystemMessage = systemMessage }).Encode(_tokenizer);
    }

    /// <summary>The tokens of a response with the end of its turn.</summary>
    /// <param name="text">The response.</param>
    public int[] EncodeResponse(string text) => [.. _tokenizer.Encode(text), EndOfTurn];

    /// <summary>The text of generated tokens without special ones.</summary>
    /// <param name="ids">Generated tokens.</param>
    public string Decode(ReadOnlySpan<int> ids) => _tokenizer.Decode(ids, skipSpecialTokens: true);

    /// <summary>A warm-up or replay task as a sample.</summary>
    /// <param name="task">The task.</param>
    /// <param name="pixels">The picture of its scene, or null for text alone.</param>
    /// <param name="weight">Weight of its trained tokens.</param>
    public Sample Encode(WarmUpTask task, float[]? pixels, float weight)
    {
        var ids = new List<int>(EncodePrompt(task.SystemMessage, task.UserText, pixels is not null));
        var mask = new List<bool>(ids.Count + 64);
        mask.AddRange(new bool[ids.Count]);
        foreach (var segment in task.Response)
        {
            _tokenizer.Encode(segment.Text, ids);
            while (mask.Count < ids.Count)
                mask.Add(segment.IsTrained);
        }
        if (task.EndsTurn)
        {
            ids.Add(EndOfTurn);
            mask.Add(true);
        }
        return Build("task", [.. ids], [.. mask], pixels, weight);
    }

    /// <summary>A response to a prompt as a sample whose response is trained.</summary>
    /// <param name="id">Name of the sample.</param>
    /// <param name="prompt">Tokens of the prompt.</param>
    /// <param name="response">Tokens of the response.</param>
    /// <param name="pixels">The picture.</param>
    /// <param name="weight">Weight of its tokens.</param>
    public static Sample Join(string id, int[] prompt, int[] response, float[] pixels, float weight)
    {
        var mask = new bool[prompt.Length + response.Length];
        mask.AsSpan(prompt.Length).Fill(true);
        return Build(id, [.. prompt, .. response], mask, pixels, weight);
    }

    private static Sample Build(string id, int[] ids, bool[] mask, float[]? pixels, float weight)
    {
        var weights = new float[ids.Length];
        Array.Fill(weights, weight);
        return new() { Id = id, InputIds = ids, LossMask = mask, PixelValues = pixels, TileCount = pixels is null ? 0 : 1, TokenWeights = weights };
    }
}
