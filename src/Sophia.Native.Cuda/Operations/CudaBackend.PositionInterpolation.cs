using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/position_interpolation.cu.
public sealed partial class CudaBackend
{
    private static readonly KernelFile PositionInterpolationFile = new("position_interpolation");

    /// <inheritdoc/>
    protected override void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth)
    {
        var launch = Begin(PositionInterpolationFile, "position_interpolation_forward", output.Type);
        launch.AddMatrix(output);
        launch.AddMatrix(positions);
        launch.Add((int)output.Columns);
        launch.Add((int)Math.Sqrt(positions.Rows - 1));
        launch.Add(gridHeight);
        launch.Add(gridWidth);
        launch.Run((int)output.Rows, 1, 1, 128, 0);
    }

    /// <inheritdoc/>
    protected override void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        var columns = (int)dPositions.Columns;
        var launch = Begin(PositionInterpolationFile, "position_interpolation_backward", dPositions.Type);
        launch.AddMatrix(dPositions);
        launch.AddMatrix(dOutput);
        launch.Add(columns);
        launch.Add((int)Math.Sqrt(dPositions.Rows - 1));
        launch.Add(gridHeight);
        launch.Add(gridWidth);
        launch.Run((int)dPositions.Rows, (columns + 255) / 256, 1, 256, 0);
    }
}
