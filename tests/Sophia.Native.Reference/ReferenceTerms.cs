namespace Sophia.Native.Reference;

/// <summary>What of the terms of a sum is added up: their values, or, for the error of a sum whose terms are rounded, their sizes or squares.</summary>
public enum ReferenceTerms
{
    /// <summary>The sum itself.</summary>
    Values,

    /// <summary>The sum of the absolute values.</summary>
    Sizes,

    /// <summary>The sum of the squares.</summary>
    Squares,
}
