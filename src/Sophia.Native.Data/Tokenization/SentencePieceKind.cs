namespace Sophia.Native.Data.Tokenization;

/// <summary>What a piece of a SentencePiece model is for (sentencepiece_model.proto, ModelProto.SentencePiece.Type).</summary>
internal enum SentencePieceKind
{
    /// <summary>Text that merging may give.</summary>
    Normal = 1,

    /// <summary>Stands for what the model cannot write.</summary>
    Unknown = 2,

    /// <summary>A mark that no text becomes, such as the beginning of a sequence.</summary>
    Control = 3,

    /// <summary>Text that is cut out as a whole before anything merges.</summary>
    UserDefined = 4,

    /// <summary>Text that merging passes through and that is taken apart again at the end.</summary>
    Unused = 5,

    /// <summary>One byte, written <c>&lt;0x0A&gt;</c>.</summary>
    Byte = 6,
}
