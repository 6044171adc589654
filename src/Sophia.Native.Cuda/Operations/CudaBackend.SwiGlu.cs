using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/swiglu.cu.
public sealed partial class CudaBackend
{
    private static readonly KernelFile SwiGluFile = new("swiglu", "ALIGNED");

    /// <inheritdoc/>
    protected override void SwiGluForwardCore(DeviceView output, DeviceView gateUp)
    {
        if (output.Length == 0)
            return;
        var tiles = ElementwiseTiles.For(output.Columns, output.Type);
        var launch = Begin(SwiGluFile, "swiglu_forward", output.Type, Alignment.Of(output.Columns, output.Type, output, gateUp));
        launch.AddMatrix(output);
        launch.AddMatrix(gateUp);
        launch.Add(checked((int)output.Rows));
        launch.Add(checked((int)output.Columns));
        launch.Add(tiles.BlocksAcross);
        launch.Run(tiles.Blocks(output.Rows), 1, 1, tiles.Threads, 0);
    }

    /// <inheritdoc/>
    protected override void SwiGluBackwardCore(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp)
    {
        if (dOutput.Length == 0)
            return;
        var tiles = ElementwiseTiles.For(dOutput.Columns, dOutput.Type);
        var launch = Begin(SwiGluFile, "swiglu_backward", dOutput.Type, Alignment.Of(dOutput.Columns, dOutput.Type, dGateUp, dOutput, gateUp));
        launch.AddMatrix(dGateUp);
        launch.AddMatrix(dOutput);
        launch.AddMatrix(gateUp);
        launch.Add(checked((int)dOutput.Rows));
        launch.Add(checked((int)dOutput.Columns));
        launch.Add(tiles.BlocksAcross);
        launch.Run(tiles.Blocks(dOutput.Rows), 1, 1, tiles.Threads, 0);
    }
}
