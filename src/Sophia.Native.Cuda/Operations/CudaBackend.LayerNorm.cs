using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/layernorm.cu.
public sealed partial class CudaBackend
{
    private static readonly KernelFile LayerNormFile = new("layernorm", "THREADS_PER_ROW", "VECTORS_PER_THREAD", "ALIGNED");

    /// <inheritdoc/>
    protected override void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon)
    {
        if (input.Length == 0)
            return;
        var team = RowTeam.For(input.Columns, input.Type);
        var launch = Begin(LayerNormFile, "layernorm_forward", input.Type, team.Threads, team.Vectors, Alignment.Of(input.Columns, input.Type, output, input, weight, bias));
        launch.AddMatrix(output);
        launch.Add(mean);
        launch.Add(inverseDeviation);
        launch.AddMatrix(input);
        launch.Add(weight);
        launch.Add(bias);
        launch.Add(checked((int)input.Rows));
        launch.Add(checked((int)input.Columns));
        launch.Add(epsilon);
        launch.Run(team.Blocks(input.Rows), 1, 1, team.BlockThreads, 0);
    }

    /// <inheritdoc/>
    protected override void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight,
        DeviceView mean, DeviceView inverseDeviation, bool accumulate)
    {
        if (input.Length == 0)
            return;
        var team = RowTeam.For(input.Columns, input.Type);
        var aligned = Alignment.Of(input.Columns, input.Type, dInput, dOutput, input, weight);
        var parts = team.Parts(input.Rows);
        var isFrozen = dWeight.IsAbsent && dBias.IsAbsent;
        var partials = isFrozen ? default : PartialSums(2, parts, input.Columns);
        var biasPartials = isFrozen ? default : partials.ColumnRange(parts * input.Columns, parts * input.Columns);
        var launch = Begin(LayerNormFile, "layernorm_backward", input.Type, team.Threads, team.Vectors, aligned);
        launch.AddMatrix(dInput);
        launch.Add(dWeight.IsAbsent ? default : partials);
        launch.Add(dBias.IsAbsent ? default : biasPartials);
        launch.AddMatrix(dOutput);
        launch.AddMatrix(input);
        launch.Add(weight);
        launch.Add(mean);
        launch.Add(inverseDeviation);
        launch.Add(checked((int)input.Rows));
        launch.Add(checked((int)input.Columns));
        launch.Add(accumulate ? 1 : 0);
        launch.Run(parts, 1, 1, team.BlockThreads, 0);
        if (!isFrozen)
            AddPartialSums(Begin(LayerNormFile, "add_partial_sums", input.Type, team.Threads, team.Vectors, aligned), dWeight, dBias, partials, parts, input.Columns);
    }
}
