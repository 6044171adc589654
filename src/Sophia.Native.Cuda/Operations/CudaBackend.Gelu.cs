using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/gelu.cu.
public sealed partial class CudaBackend
{
    private static readonly KernelFile GeluFile = new("gelu", "ALIGNED");

    /// <inheritdoc/>
    protected override void GeluForwardCore(DeviceView output, DeviceView input)
    {
        if (input.Length == 0)
            return;
        var tiles = ElementwiseTiles.For(input.Columns, input.Type);
        var launch = Begin(GeluFile, "gelu_forward", input.Type, Alignment.Of(input.Columns, input.Type, output, input));
        launch.AddMatrix(output);
        launch.AddMatrix(input);
        launch.Add(checked((int)input.Rows));
        launch.Add(checked((int)input.Columns));
        launch.Add(tiles.BlocksAcross);
        launch.Run(tiles.Blocks(input.Rows), 1, 1, tiles.Threads, 0);
    }

    /// <inheritdoc/>
    protected override void GeluBackwardCore(DeviceView dInput, DeviceView dOutput, DeviceView input)
    {
        if (input.Length == 0)
            return;
        var tiles = ElementwiseTiles.For(input.Columns, input.Type);
        var launch = Begin(GeluFile, "gelu_backward", input.Type, Alignment.Of(input.Columns, input.Type, dInput, dOutput, input));
        launch.AddMatrix(dInput);
        launch.AddMatrix(dOutput);
        launch.AddMatrix(input);
        launch.Add(checked((int)input.Rows));
        launch.Add(checked((int)input.Columns));
        launch.Add(tiles.BlocksAcross);
        launch.Run(tiles.Blocks(input.Rows), 1, 1, tiles.Threads, 0);
    }
}
