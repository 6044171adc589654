namespace Sophia.Native.Training;

/// <summary>One process alone: sums over one rank are what they are of.</summary>
public sealed class SingleRank : IRankGroup
{
    /// <summary>The only one that is needed.</summary>
    public static readonly SingleRank Instance = new();

    private SingleRank()
    {
    }

    /// <inheritdoc/>
    public int Count => 1;

    /// <inheritdoc/>
    public void Sum(Backend backend, DeviceView vector)
    {
    }

    /// <inheritdoc/>
    public void Sum(Span<double> values)
    {
    }

    /// <inheritdoc/>
    public void Maximum(Span<double> values)
    {
    }
}
