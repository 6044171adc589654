namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>True and false statements about objects, counted against the scene; counts of several texts add up.</summary>
/// <param name="Right">Statements that the scene bears out.</param>
/// <param name="Wrong">Statements that contradict it.</param>
public readonly record struct ClaimCounts(int Right, int Wrong)
{
    /// <summary>All statements.</summary>
    public int Total => Right + Wrong;

    /// <summary>Share of false statements; null where there is no statement.</summary>
    public double? WrongShare => Total == 0 ? null : (double)Wrong / Total;

    /// <summary>Adds counts of two texts.</summary>
    public static ClaimCounts operator +(ClaimCounts left, ClaimCounts right) => new(left.Right + right.Right, left.Wrong + right.Wrong);
}
