using System.Runtime.CompilerServices;
using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

// kernels/linear.cu and linear_bias.cu. The views may be any range of rows and columns; all that alignment and tiles decide is speed, never a bit.
// The head calls the Multiply methods for its own products, with rows that only the device has counted: logits = hidden * weight^T into a Float32 workspace, and with the gradient of the logits as a BFloat16
// view of the same memory (rows twice the stride apart).
// Rows that begin at multiples of 16 bytes are the fast case: a workspace of [rows, V] has them when its stride is a multiple of 4 floats. dWeight takes its rows in steps of 16: chunks of a multiple of 16 rows give
// the bits of the whole.
public sealed partial class CudaBackend
{
    private static readonly KernelFile LinearFile = new("linear", "PRODUCT", "TILE_ROWS", "TILE_COLUMNS", "ALIGNED");
    private static readonly KernelFile LinearBiasFile = new("linear_bias");

    /// <summary>Rows that one block of linear_bias_sum adds up; BLOCK_ROWS of the kernel file.</summary>
    private const int LinearBiasRows = 256;

    /// <summary>Bytes of a row that one block of linear_bias_sum takes: 32 lanes with 16 bytes each.</summary>
    private const int LinearBiasBytes = 32 * 16;

    /// <summary>The tile that every product takes instead of the one chosen, for tests; null for the choice.</summary>
    internal LinearTile? OnlyLinearTile { get; set; }

    /// <inheritdoc/>
    protected override void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias) => MultiplyForward(output, input, weight, bias, CountedRows.All);

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate) => MultiplyBackwardInput(dInput, dOutput, weight, accumulate, CountedRows.All);

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input) => MultiplyBackwardWeight(dWeight, dOutput, input, CountedRows.All);

    private void MultiplyForward(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias, CountedRows rows, [CallerMemberName] string operation = "")
    {
        if (output.Length == 0 || MultipliedByLibrary(output, input, false, weight, false, bias, accumulate: false))
            return;
        var launch = BeginLinear(LinearProduct.Forward, output.Type == input.Type ? "linear_forward" : "linear_forward_float", output, input, weight, input.Columns, operation, out var tile);
        launch.AddMatrix(output);
        launch.AddMatrix(input);
        launch.AddMatrix(weight);
        launch.Add(bias);
        launch.Add((int)output.Rows);
        launch.Add((int)output.Columns);
        launch.Add((int)input.Columns);
        Add(launch, rows);
        launch.Run(tile.Blocks(output.Rows, output.Columns), 1, 1, tile.Threads, tile.SharedBytes);
    }

    private void MultiplyBackwardInput(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate, CountedRows rows, [CallerMemberName] string operation = "")
    {
        if (dInput.Length == 0 || MultipliedByLibrary(dInput, dOutput, false, weight, true, default, accumulate))
            return;
        var launch = BeginLinear(LinearProduct.BackwardInput, "linear_backward_input", dInput, dOutput, weight, dOutput.Columns, operation, out var tile);
        launch.AddMatrix(dInput);
        launch.AddMatrix(dOutput);
        launch.AddMatrix(weight);
        launch.Add((int)dOutput.Rows);
        launch.Add((int)dOutput.Columns);
        launch.Add((int)dInput.Columns);
        launch.Add(accumulate ? 1 : 0);
        Add(launch, rows);
        launch.Run(tile.Blocks(dInput.Rows, dInput.Columns), 1, 1, tile.Threads, tile.SharedBytes);
    }

    private void MultiplyBackwardWeight(DeviceView dWeight, DeviceView dOutput, DeviceView input, CountedRows rows, [CallerMemberName] string operation = "")
    {
        if (dWeight.Length == 0 || dOutput.Rows == 0 || MultipliedByLibrary(dWeight, dOutput, true, input, true, default, accumulate: true))
            return;
        var launch = BeginLinear(LinearProduct.BackwardWeight, "linear_backward_weight", dWeight, dOutput, input, dOutput.Rows, operation, out var tile);
        launch.AddMatrix(dWeight);
        launch.AddMatrix(dOutput);
        launch.AddMatrix(input);
        launch.Add((int)dOutput.Rows);
        launch.Add((int)dOutput.Columns);
        launch.Add((int)input.Columns);
        Add(launch, rows);
        launch.Run(tile.Blocks(dWeight.Rows, dWeight.Columns), 1, 1, tile.Threads, tile.SharedBytes);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput)
    {
        if (dOutput.Length == 0)
            return;
        var columns = dOutput.Columns;
        var parts = checked((int)((dOutput.Rows + LinearBiasRows - 1) / LinearBiasRows));
        var blockColumns = LinearBiasBytes / dOutput.Type.Size();
        var partials = PartialSums(1, parts, columns);
        var launch = Begin(LinearBiasFile, "linear_bias_sum", dOutput.Type);
        launch.Add(partials);
        launch.AddMatrix(dOutput);
        launch.Add((int)dOutput.Rows);
        launch.Add((int)columns);
        launch.Run((columns + blockColumns - 1) / blockColumns, parts, 1, 256, 0);
        AddPartialSums(Begin(LinearBiasFile, "add_partial_sums", dOutput.Type), dBias, default, partials, parts, columns);
    }

    private Launch BeginLinear(LinearProduct product, string kernel, DeviceView result, DeviceView first, DeviceView second, long depth, string operation, out LinearTile tile)
    {
        var isAligned = HasAlignedRows(first) && HasAlignedRows(second);
        tile = OnlyLinearTile ?? LinearTile.Choose(first.Type, product, isAligned, result.Rows, result.Columns, depth, _device.Multiprocessors, _device.MaximumSharedBytes);
        return Begin(LinearFile, kernel, first.Type, (int)product, tile.Rows, tile.Columns, isAligned ? 1 : 0, operation: operation);
    }

    /// <summary>Two parameters: the number of rows on the device, or null, and the first of them.</summary>
    private static void Add(Launch launch, CountedRows rows)
    {
        launch.Add(rows.Count);
        launch.Add(rows.First);
    }

    /// <summary>Whether every row begins at a multiple of 16 bytes.</summary>
    private static bool HasAlignedRows(DeviceView view) => view.Address % 16 == 0 && view.Stride * view.Type.Size() % 16 == 0;
}
