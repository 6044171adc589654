namespace Sophia.Native.Pipeline.Verification;

/// <summary>How far a number may be from the gold one.</summary>
/// <param name="Absolute">An absolute tolerance of the data set (OlympiadBench's field <c>error</c>), or null for the rule of <see cref="Accepts"/>.</param>
/// <param name="Decimals">The number of decimals the gold answer was rounded to (MathVista's field <c>precision</c>), or null.</param>
internal readonly record struct ValueTolerance(double? Absolute, int? Decimals)
{
    /// <summary>
    /// Without a rule of the data set: 1e-6 as MathVision's evaluation has it, but never more than a thousandth of the gold value (else 1e-7 would equal
    /// 2e-7), and never less than the rounding of the arithmetic.
    /// </summary>
    public bool Accepts(double gold, double answer)
    {
        if (Decimals is { } decimals && Math.Abs(Math.Round(answer, decimals, MidpointRounding.ToEven) - gold) <= 1e-9 * Math.Max(1, Math.Abs(gold))) return true;
        double tolerance = Math.Max(1e-12 * Math.Max(1, Math.Abs(gold)), Math.Min(1e-6, 1e-3 * Math.Abs(gold)));
        return Math.Abs(gold - answer) <= (Absolute is { } absolute ? Math.Max(absolute, 1e-12 * Math.Abs(gold)) : tolerance);
    }
}
