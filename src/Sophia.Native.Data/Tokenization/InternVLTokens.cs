using System.Collections.Immutable;

namespace Sophia.Native.Data.Tokenization;

/// <summary>The tokens that Qwen2.5 and InternVL add to the Qwen2 vocabulary, in the order of their ids (151643 and up).</summary>
public static class InternVLTokens
{
    /// <summary>End of a document, and padding (151643).</summary>
    public const string EndOfText = "<|endoftext|>";

    /// <summary>Begins a turn of a conversation (151644).</summary>
    public const string MessageStart = "<|im_start|>";

    /// <summary>Ends a turn of a conversation, and generation (151645).</summary>
    public const string MessageEnd = "<|im_end|>";

    /// <summary>Begins the visual tokens of an image (151665).</summary>
    public const string ImageStart = "<img>";

    /// <summary>Ends the visual tokens of an image (151666).</summary>
    public const string ImageEnd = "</img>";

    /// <summary>The place of one visual token; the model puts a row of the projector's output here (151667).</summary>
    public const string ImageContext = "<IMG_CONTEXT>";

    /// <summary>How many entries the vocabulary of Qwen2 has; the first added token of Qwen2.5 takes this id.</summary>
    internal const int Qwen2BaseSize = 151643;

    /// <summary>All of them with whether they are special; the position in the list is the distance from id 151643.</summary>
    internal static ImmutableArray<(string Text, bool IsSpecial)> All { get; } =
    [
        (EndOfText, true), (MessageStart, true), (MessageEnd, true),
        ("<|object_ref_start|>", true), ("<|object_ref_end|>", true), ("<|box_start|>", true), ("<|box_end|>", true),
        ("<|quad_start|>", true), ("<|quad_end|>", true), ("<|vision_start|>", true), ("<|vision_end|>", true),
        ("<|vision_pad|>", true), ("<|image_pad|>", true), ("<|video_pad|>", true),
        ("<tool_call>", false), ("</tool_call>", false), ("<|fim_prefix|>", false), ("<|fim_middle|>", false),
        ("<|fim_suffix|>", false), ("<|fim_pad|>", false), ("<|repo_name|>", false), ("<|file_sep|>", false),
        (ImageStart, true), (ImageEnd, true), (ImageContext, true),
        ("<quad>", true), ("</quad>", true), ("<ref>", true), ("</ref>", true), ("<box>", true), ("</box>", true),
    ];

    /// <summary>How many pieces the SentencePiece model of InternLM2.5 has.</summary>
    internal const int InternLM2PieceCount = 92544;

    /// <summary>Id of the first token of <see cref="OfInternLM2"/> on InternLM2.5's own model; the first six take the place of unused pieces.</summary>
    internal const int InternLM2FirstId = 92538;

    /// <summary>The tokens that InternLM2.5's chat format and InternVL add to a SentencePiece model, all special, in the order of their ids (92538..92552).</summary>
    internal static ImmutableArray<string> OfInternLM2 { get; } =
    [
        "<|plugin|>", "<|interpreter|>", "<|action_end|>", "<|action_start|>", MessageEnd, MessageStart,
        ImageStart, ImageEnd, ImageContext, "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>",
    ];

    /// <summary>What a tokenizer folder without a configuration leaves open: whether a token of this text is special.</summary>
    internal static bool IsSpecialByName(string text)
    {
        foreach ((string known, bool isSpecial) in All)
        {
            if (known == text) return isSpecial;
        }

        return OfInternLM2.Contains(text);
    }
}
