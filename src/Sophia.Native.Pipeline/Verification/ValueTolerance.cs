namespace Sophia.Native.Pipeline.Verification;

/// <summary>How far a number may be from the gold one, and in which unit it is.</summary>
/// <param name="Absolute">An absolute tolerance of the data set (OlympiadBench's field <c>error</c>), or null for the rule of <see cref="Accepts"/>.</param>
/// <param name="Decimals">The number of decimals the gold answer was rounded to (MathVista's field <c>precision</c>), or null.</param>
internal readonly record struct ValueTolerance(double? Absolute, int? Decimals)
{
    /// <summary>Whether decimals of an answer are cut off before it is compared with a gold integer, as MathVista's evaluation does.</summary>
    public bool CutsToInteger { get; init; }

    /// <summary>The unit of the gold answer where it stands apart from it (a field <c>unit</c>), spelled as <see cref="ValueComparison.CanonicalUnit"/> has it; empty or null where none is known.</summary>
    public string? Unit { get; init; }

    /// <summary>Absolute tolerances of the parts of a list (OlympiadBench's <c>error</c> with commas), null for a part without one; or null.</summary>
    public double?[]? Parts { get; init; }

    /// <summary>The tolerance of one part of a gold list.</summary>
    public ValueTolerance Part(int index) => Parts is { } parts && index < parts.Length ? this with { Absolute = parts[index], Parts = null } : this;

    /// <summary>
    /// Without a rule of the data set: 1e-6 as MathVision's evaluation has it, but never more than a thousandth of the gold value (else 1e-7 would equal
    /// 2e-7), and never less than the rounding of the arithmetic.
    /// </summary>
    public bool Accepts(double gold, double answer)
    {
        if (Decimals is { } decimals && Math.Abs(Math.Round(answer, decimals, MidpointRounding.ToEven) - gold) <= 1e-9 * Math.Max(1, Math.Abs(gold))) return true;
        if (CutsToInteger && Math.Truncate(answer) == gold) return true;
        double tolerance = Math.Max(1e-12 * Math.Max(1, Math.Abs(gold)), Math.Min(1e-6, 1e-3 * Math.Abs(gold)));
        return Math.Abs(gold - answer) <= (Absolute is { } absolute ? Math.Max(absolute, 1e-12 * Math.Abs(gold)) : tolerance);
    }
}
