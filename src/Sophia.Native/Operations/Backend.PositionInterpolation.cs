using System.Runtime.CompilerServices;

namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// The position table on another grid: row 0 is copied, the G x G others are interpolated bicubically (a = -0.75, align_corners = false, no antialias, borders clamped), as torch.nn.functional.interpolate does.
    /// Storage: output and positions.
    /// </summary>
    /// <param name="output">[1 + height * width, C], overwritten.</param>
    /// <param name="positions">[1 + G * G, C].</param>
    /// <param name="gridHeight">Rows of the new grid.</param>
    /// <param name="gridWidth">Columns of the new grid.</param>
    public void PositionInterpolationForward(DeviceView output, DeviceView positions, int gridHeight, int gridWidth)
    {
        CheckPositions(output, positions, Require.Storage(this, positions), gridHeight, gridWidth);
        PositionInterpolationForwardCore(output, positions, gridHeight, gridWidth);
    }

    /// <summary>The transpose of <see cref="PositionInterpolationForward"/>: dPositions += what every output row sends back with its weights, output rows in order. Float32: both are gradients of parameters.</summary>
    /// <param name="dPositions">[1 + G * G, C], added to.</param>
    /// <param name="dOutput">[1 + height * width, C].</param>
    /// <param name="gridHeight">Rows of the new grid.</param>
    /// <param name="gridWidth">Columns of the new grid.</param>
    public void PositionInterpolationBackward(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        CheckPositions(dOutput, dPositions, ElementType.Float32, gridHeight, gridWidth);
        PositionInterpolationBackwardCore(dPositions, dOutput, gridHeight, gridWidth);
    }

    /// <inheritdoc cref="PositionInterpolationForward"/>
    protected abstract void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth);

    /// <inheritdoc cref="PositionInterpolationBackward"/>
    protected abstract void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth);

    private static void CheckPositions(DeviceView resized, DeviceView positions, ElementType type, int gridHeight, int gridWidth,
        [CallerArgumentExpression(nameof(resized))] string resizedName = "", [CallerArgumentExpression(nameof(positions))] string positionsName = "", [CallerMemberName] string operation = "")
    {
        Require.Matrix(positions, type, name: positionsName, operation: operation);
        var grid = (long)Math.Sqrt(positions.Rows - 1);
        Require.That(grid > 0 && grid * grid == positions.Rows - 1, $"positions of a class token and a square grid, found {positions.Rows} rows", operation);
        Require.That(gridHeight > 0 && gridWidth > 0, $"a positive grid, found {gridHeight} x {gridWidth}", operation);
        Require.Shape(resized, 1 + (long)gridHeight * gridWidth, positions.Columns, type, name: resizedName, operation: operation);
    }
}
