// Operations that are not implemented yet; each leaves this file with its implementation.
using Sophia.Native.Objectives;

namespace Sophia.Native.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace, in ObjectiveOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options) => throw new NotSupportedException();
}
