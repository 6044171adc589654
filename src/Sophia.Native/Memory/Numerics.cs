namespace Sophia.Native;

/// <summary>Which matrix products a backend with a choice uses.</summary>
public enum Numerics
{
    /// <summary>The own ones: a row has the same bits alone and in any batch, in prefill and in decoding.</summary>
    Invariant,

    /// <summary>The vendor's library, which may take another algorithm for another number of rows.</summary>
    Fast,
}
