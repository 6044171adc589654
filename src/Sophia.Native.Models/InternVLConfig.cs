using Sophia.Native.Models.Files;

namespace Sophia.Native.Models;

/// <summary>
/// An InternVL 2.5 or 3 model: vision encoder, projector and decoder, as config.json describes it.
/// Reads and writes both published layouts: the original one (<c>internvl_chat</c>, with <c>llm_config</c>) and Hugging Face's own (<c>internvl</c>, with <c>text_config</c>).
/// </summary>
public sealed record InternVLConfig
{
    /// <summary>The vision encoder (<c>vision_config</c>).</summary>
    public required VisionConfig Vision { get; init; }

    /// <summary>The decoder (<c>llm_config</c>, <c>text_config</c>).</summary>
    public required TextConfig Text { get; init; }

    /// <summary>Side in pixels of a tile (<c>force_image_size</c>, else the vision encoder's <c>image_size</c>). Where it differs from <see cref="VisionConfig.ImageSize"/> the position table is interpolated.</summary>
    public required int TileSize { get; init; }

    /// <summary>Factor of a grid side in the pixel shuffle (<c>downsample_ratio</c>); 0.5, the only published value and the only supported one.</summary>
    public double DownsampleRatio { get; init; } = 0.5;

    /// <summary>Name of the conversation format (<c>template</c>).</summary>
    public string Template { get; init; } = "internvl2_5";

    /// <summary>Replaces the template's own system message where set (<c>system_message</c>).</summary>
    public string? SystemMessage { get; init; }

    /// <summary>Whether an image is cut into tiles by its aspect ratio (<c>dynamic_image_size</c>).</summary>
    public bool UseDynamicTiles { get; init; } = true;

    /// <summary>Fewest tiles of an image (<c>min_dynamic_patch</c>).</summary>
    public int MinDynamicPatch { get; init; } = 1;

    /// <summary>Most tiles of an image, without the thumbnail (<c>max_dynamic_patch</c>).</summary>
    public int MaxDynamicPatch { get; init; } = 12;

    /// <summary>Whether an image of several tiles is followed by a thumbnail of the whole (<c>use_thumbnail</c>).</summary>
    public bool UseThumbnail { get; init; } = true;

    /// <summary>Id of the token whose embedding a visual token replaces (<c>image_token_id</c>); the original layout leaves it to the tokenizer: null.</summary>
    public int? ImageTokenId { get; init; }

    /// <summary>Epsilon of the projector's LayerNorm: 1e-5 in both source codes, in no file.</summary>
    public double ProjectorNormEpsilon => 1e-5;

    /// <summary>Channels that enter the projector: four patches side by side, 4 * Hv.</summary>
    public int ProjectorInputSize => 4 * Vision.HiddenSize;

    /// <summary>Patches along a side of a tile.</summary>
    public int TileGrid => TileSize / Vision.PatchSize;

    /// <summary>Visual tokens that a tile becomes: a quarter of its patches.</summary>
    public int VisualTokensPerTile => TileGrid * TileGrid / 4;

    /// <summary>Reads a configuration in either layout. generation_config.json beside it, where present, adds its <c>eos_token_id</c>.</summary>
    /// <param name="path">A config.json, or the folder that holds it.</param>
    /// <returns>The validated configuration.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not JSON, or a value is missing, out of range or of a kind that is not supported; the message names file and key.</exception>
    public static InternVLConfig Load(string path) => InternVLConfigReader.Load(path);

    /// <summary>Writes the configuration so that <see cref="Load"/> returns an equal one and the respective code base can read it. The file appears whole or not at all.</summary>
    /// <param name="path">A file name ending in .json, or a folder, which then gets a config.json.</param>
    /// <param name="layout">Which of the two published layouts.</param>
    /// <param name="elementType">The type of the weights beside it, recorded for other readers.</param>
    /// <exception cref="ArgumentException">A value is out of range, or the layout cannot express it.</exception>
    public void Write(string path, CheckpointLayout layout, FileElementType elementType = FileElementType.BF16) =>
        InternVLConfigWriter.Write(this, path, layout, elementType);

    /// <summary>Checks every value and their agreement.</summary>
    /// <exception cref="ArgumentException">A value is out of range; the message names it by its key in config.json.</exception>
    public void Validate()
    {
        if (FindFault() is not { } fault) return;
        var section = fault.Section switch
        {
            ConfigSection.Vision => "vision_config.",
            ConfigSection.Text => "text_config.",
            _ => "",
        };
        throw new ArgumentException($"InternVL configuration: {section}{fault.Key}: {fault.Message}.");
    }

    internal ConfigFault? FindFault()
    {
        const ConfigSection Section = ConfigSection.Top;
        var fault = Vision.FindFault() ?? Text.FindFault();
        if (fault is not null) return fault;
        if (DownsampleRatio != 0.5)
            return new ConfigFault(Section, "downsample_ratio", FormattableString.Invariant($"expected 0.5, found {DownsampleRatio}"));
        fault = ConfigFault.OutOfRange(Section, "force_image_size", TileSize, 1, 1 << 13)
            ?? ConfigFault.OutOfRange(Section, "min_dynamic_patch", MinDynamicPatch, 1, 1024)
            ?? ConfigFault.OutOfRange(Section, "max_dynamic_patch", MaxDynamicPatch, MinDynamicPatch, 1024);
        if (fault is not null) return fault;
        if (TileSize % (2 * Vision.PatchSize) != 0)
        {
            return TileSize == Vision.ImageSize
                ? new ConfigFault(ConfigSection.Vision, "image_size", $"expected an even number of patches of {Vision.PatchSize} pixels along a side, because four patches become a visual token, found {TileSize}")
                : new ConfigFault(Section, "force_image_size", $"expected an even number of patches of {Vision.PatchSize} pixels along a side, because four patches become a visual token, found {TileSize}");
        }
        if (ImageTokenId is { } id && (id < 0 || id >= Text.VocabularySize))
            return new ConfigFault(Section, "image_token_id", $"expected a token id below vocab_size {Text.VocabularySize}, found {id}");
        return null;
    }
}
