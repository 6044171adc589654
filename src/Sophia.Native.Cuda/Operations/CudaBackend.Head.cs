using Sophia.Native.Objectives;

namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature) =>
        throw new NotSupportedException("HeadForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace, in ObjectiveOptions options) =>
        throw new NotSupportedException("HeadObjective has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets) =>
        throw new NotSupportedException("SequenceLogRatios has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options) =>
        throw new NotSupportedException("ObjectiveStatistics has no CUDA kernel yet.");
}
