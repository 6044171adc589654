namespace Sophia.Native.Training;

/// <summary>The constants of AdamW over a run.</summary>
public sealed record AdamWOptions
{
    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay of parameters with two or more dimensions in the file.</summary>
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>In which type the moments are kept: Float32, or BFloat16 with stochastic rounding, which halves their memory.</summary>
    public ElementType Moments { get; init; }

    /// <summary>Seed of stochastic rounding; of no effect where nothing is rounded.</summary>
    public ulong RoundingSeed { get; init; }

    /// <summary>Gradients are scaled down to this norm; infinity for no clipping.</summary>
    public double GradientClip { get; init; } = 1.0;
}
