using Sophia.Native.Models;

namespace Sophia.Native.Training;

/// <summary>
/// AdamW over the flat arenas of a <see cref="ParameterSet"/>, in two calls so that a host may look at the gradients before they are used:
/// <see cref="MeasureGradients"/>, then <see cref="Update"/>, one launch for each range of equal weight decay.
/// </summary>
public sealed class AdamWOptimizer : IDisposable
{
    private readonly ParameterSet _parameters;
    private readonly DeviceBuffer _firstMoments;
    private readonly DeviceBuffer _secondMoments;
    private readonly DeviceBuffer? _ownState;

    /// <summary>Allocates the moments, zero.</summary>
    /// <param name="parameters">What is trained.</param>
    /// <param name="options">The constants.</param>
    /// <param name="state">[<see cref="Backend.GradientStateLength"/>] Float32, where the gradients' norm and flag go, so that a host may read them together with other results; absent for memory of its own.</param>
    /// <exception cref="ArgumentException">Nothing is trained.</exception>
    /// <exception cref="NotSupportedException">The backend does not store the moments' type.</exception>
    public AdamWOptimizer(ParameterSet parameters, AdamWOptions options, DeviceView state = default)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(options);
        if (parameters.TrainedCount == 0)
            throw new ArgumentException("Expected at least one group to train, found all frozen: leave out one of \"freeze\".", nameof(parameters));
        if (!parameters.Backend.Supports(options.Moments))
            throw new NotSupportedException($"The backend '{parameters.Backend.Name}' ({parameters.Backend.Description}) does not store moments as {options.Moments}: set \"moments\" of the optimizer to fp32, or open a backend that supports {options.Moments}.");
        _parameters = parameters;
        Options = options;
        var bytes = parameters.TrainedCount * options.Moments.Size();
        _firstMoments = parameters.Backend.Allocate(bytes);
        _secondMoments = parameters.Backend.Allocate(bytes);
        _ownState = state.IsAbsent ? parameters.Backend.Allocate(Backend.GradientStateLength * sizeof(float)) : null;
        State = _ownState?.AsView() ?? state;
    }

    /// <summary>The constants.</summary>
    public AdamWOptions Options { get; }

    /// <summary>Number of updates taken.</summary>
    public int StepCount { get; set; }

    /// <summary>Bytes of the moments.</summary>
    public long Bytes => _firstMoments.Bytes + _secondMoments.Bytes;

    /// <summary>First moments, in the order of the gradient arena.</summary>
    public DeviceView FirstMoments => _firstMoments.AsView(Options.Moments);

    /// <summary>Second moments, in the order of the gradient arena.</summary>
    public DeviceView SecondMoments => _secondMoments.AsView(Options.Moments);

    /// <summary>[4]: gradient norm before clipping, clip factor, finite flag, reserve.</summary>
    public DeviceView State { get; }

    /// <summary>Writes norm, clip factor and finite flag of the gradients to <see cref="State"/>.</summary>
    public void MeasureGradients() => _parameters.Backend.GradientNorm(State, _parameters.Gradients, (float)Options.GradientClip);

    /// <summary>After <see cref="MeasureGradients"/>: updates the parameters by the clipped gradients. The device changes nothing when they are not finite.</summary>
    /// <param name="learningRate">Of this step.</param>
    public void Update(double learningRate)
    {
        StepCount++;
        // By index: an enumerator of the list would be an object per step.
        for (var i = 0; i < _parameters.TrainedSegments.Count; i++)
        {
            var segment = _parameters.TrainedSegments[i];
            var offset = _parameters.GradientOffset(segment);
            var (parameters, workingCopy) = _parameters.Trained(segment);
            _parameters.Backend.AdamW(parameters, FirstMoments.ColumnRange(offset, segment.Length),
                SecondMoments.ColumnRange(offset, segment.Length), _parameters.Gradients.ColumnRange(offset, segment.Length), State, new()
                {
                    LearningRate = learningRate,
                    Beta1 = Options.Beta1,
                    Beta2 = Options.Beta2,
                    Epsilon = Options.Epsilon,
                    WeightDecay = segment.Decays ? Options.WeightDecay : 0,
                    Step = StepCount,
                    // Elements are numbered within a segment, so that each has random bits of its own.
                    Seed = Options.RoundingSeed + ((ulong)i << 32),
                }, workingCopy);
        }
    }

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        _firstMoments.Dispose();
        _secondMoments.Dispose();
        _ownState?.Dispose();
    }
}
