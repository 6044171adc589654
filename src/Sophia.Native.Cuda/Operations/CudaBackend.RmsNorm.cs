using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/rmsnorm.cu.
public sealed partial class CudaBackend
{
    private static readonly KernelFile RmsNormFile = new("rmsnorm", "THREADS_PER_ROW", "VECTORS_PER_THREAD", "ALIGNED");

    /// <inheritdoc/>
    protected override void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon)
    {
        if (input.Length == 0)
            return;
        var team = RowTeam.For(input.Columns, input.Type);
        var launch = Begin(RmsNormFile, "rmsnorm_forward", input.Type, team.Threads, team.Vectors, Alignment.Of(input.Columns, input.Type, output, input, weight));
        launch.AddMatrix(output);
        launch.Add(inverseRms);
        launch.AddMatrix(input);
        launch.Add(weight);
        launch.Add(checked((int)input.Rows));
        launch.Add(checked((int)input.Columns));
        launch.Add(epsilon);
        launch.Run(team.Blocks(input.Rows), 1, 1, team.BlockThreads, 0);
    }

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate)
    {
        if (input.Length == 0)
            return;
        var team = RowTeam.For(input.Columns, input.Type);
        var aligned = Alignment.Of(input.Columns, input.Type, dInput, dOutput, input, weight);
        var parts = team.Parts(input.Rows);
        var partials = dWeight.IsAbsent ? default : PartialSums(1, parts, input.Columns);
        var launch = Begin(RmsNormFile, "rmsnorm_backward", input.Type, team.Threads, team.Vectors, aligned);
        launch.AddMatrix(dInput);
        launch.Add(partials);
        launch.AddMatrix(dOutput);
        launch.AddMatrix(input);
        launch.Add(weight);
        launch.Add(inverseRms);
        launch.Add(checked((int)input.Rows));
        launch.Add(checked((int)input.Columns));
        launch.Add(accumulate ? 1 : 0);
        launch.Run(parts, 1, 1, team.BlockThreads, 0);
        if (!dWeight.IsAbsent)
            AddPartialSums(Begin(RmsNormFile, "add_partial_sums", input.Type, team.Threads, team.Vectors, aligned), dWeight, default, partials, parts, input.Columns);
    }
}
