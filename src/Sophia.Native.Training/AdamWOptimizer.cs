using Sophia.Native.Models;

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

    /// <summary>Gradients are scaled down to this norm; infinity for no clipping.</summary>
    public double GradientClip { get; init; } = 1.0;
}

/// <summary>AdamW over the flat arenas of a <see cref="ParameterSet"/>: one launch for each range of equal weight decay.</summary>
public sealed class AdamWOptimizer : IDisposable
{
    private readonly ParameterSet _parameters;
    private readonly DeviceBuffer _firstMoments;
    private readonly DeviceBuffer _secondMoments;
    private readonly DeviceBuffer _state;

    /// <summary>Allocates the moments, zero.</summary>
    /// <param name="parameters">What is trained.</param>
    /// <param name="options">The constants.</param>
    public AdamWOptimizer(ParameterSet parameters, AdamWOptions options)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        if (parameters.TrainedCount == 0)
            throw new ArgumentException("Expected at least one group to train, found all frozen: leave out one of \"freeze\".");
        _parameters = parameters;
        Options = options;
        var bytes = parameters.TrainedCount * sizeof(float);
        _firstMoments = parameters.Backend.Allocate(bytes);
        _secondMoments = parameters.Backend.Allocate(bytes);
        _state = parameters.Backend.Allocate(Backend.GradientStateLength * sizeof(float));
    }

    /// <summary>The constants.</summary>
    public AdamWOptions Options { get; }

    /// <summary>Number of steps taken.</summary>
    public int StepCount { get; set; }

    /// <summary>First moments, in the order of the gradient arena.</summary>
    public DeviceView FirstMoments => _firstMoments.AsView();

    /// <summary>Second moments, in the order of the gradient arena.</summary>
    public DeviceView SecondMoments => _secondMoments.AsView();

    /// <summary>[4]: gradient norm before clipping, clip factor, finite flag, reserve.</summary>
    public DeviceView State => _state.AsView();

    /// <summary>Clips the gradients and updates the parameters; nothing changes on the device when a gradient is not finite.</summary>
    /// <param name="learningRate">Of this step.</param>
    public void Step(double learningRate)
    {
        var backend = _parameters.Backend;
        StepCount++;
        backend.GradientNorm(State, _parameters.Gradients, (float)Options.GradientClip);
        foreach (var segment in _parameters.TrainedSegments)
        {
            var offset = _parameters.GradientOffset(segment);
            backend.AdamW(_parameters.Values.ColumnRange(segment.Offset, segment.Length), FirstMoments.ColumnRange(offset, segment.Length), SecondMoments.ColumnRange(offset, segment.Length),
                _parameters.Gradients.ColumnRange(offset, segment.Length), State, new()
                {
                    LearningRate = learningRate,
                    Beta1 = Options.Beta1,
                    Beta2 = Options.Beta2,
                    Epsilon = Options.Epsilon,
                    WeightDecay = segment.Decays ? Options.WeightDecay : 0,
                    Step = StepCount,
                });
        }
    }

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        _firstMoments.Dispose();
        _secondMoments.Dispose();
        _state.Dispose();
    }
}
