namespace Sophia.Native.Models.Generation;

/// <summary>Why a continuation ended.</summary>
public enum FinishReason
{
    /// <summary>A stop token was drawn.</summary>
    Stop,

    /// <summary>The limit of new tokens, or of positions, was reached.</summary>
    Length,
}
