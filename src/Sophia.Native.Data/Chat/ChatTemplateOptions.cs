namespace Sophia.Native.Data.Chat;

/// <summary>What of the chat format depends on the model.</summary>
public sealed record ChatTemplateOptions
{
    /// <summary>The options of the published InternVL 2.5 and InternVL3 models.</summary>
    public static ChatTemplateOptions Default { get; } = new();

    /// <summary>Visual tokens of a tile: (tile size / patch size * downsample ratio) squared, 256 in the published models.</summary>
    public int TokensPerTile { get; init; } = 256;

    /// <summary>The system message of conversations without one of their own; an empty one still gives an empty system turn.</summary>
    public string SystemMessage { get; init; } = ChatTemplate.DefaultSystemMessage;

    /// <summary>True if the images are the frames of a video: without markers in the text they are put before it as <c>Frame1: </c>, <c>Frame2: </c> and so on.</summary>
    public bool ImagesAreFrames { get; init; }

    /// <summary>
    /// True if the text of a special token inside a turn becomes that token, as in the original code. The default reads it as ordinary text,
    /// so that a question cannot end its own turn or add visual tokens.
    /// </summary>
    public bool AllowSpecialTokensInText { get; init; }
}
