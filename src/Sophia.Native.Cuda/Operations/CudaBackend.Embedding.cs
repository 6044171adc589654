using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

// kernels/embedding.cu. Ids are read on the device alone: one outside its range is reported when the host next waits for the device.
public sealed partial class CudaBackend
{
    private static readonly KernelFile EmbeddingFile = new("embedding");

    /// <summary>Pairs of id and row that one block sorts; TILE of the kernel file.</summary>
    private const int EmbeddingTile = 2048;

    /// <summary>Sorted pairs whose ids one block adds up; PLACES of the kernel file.</summary>
    private const int EmbeddingPlaces = 4;

    /// <inheritdoc/>
    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows)
    {
        if (output.Rows == 0)
            return;
        var launch = Begin(EmbeddingFile, "embedding_forward", output.Type);
        launch.AddMatrix(output);
        launch.AddMatrix(table);
        launch.Add(ids);
        launch.AddMatrix(visual);
        launch.Add(visualRows);
        launch.Add((int)output.Columns);
        launch.Add((int)table.Rows);
        launch.Add((int)visual.Rows);
        launch.AddFaults();
        launch.Run((int)output.Rows, 1, 1, 128, 0);
    }

    /// <inheritdoc/>
    protected override void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows)
    {
        if (dOutput.Rows == 0)
            return;
        if (!dTable.IsAbsent)
            AddToTable(dTable, dOutput, ids, visualRows);
        if (dVisual.IsAbsent)
            return;
        var launch = Begin(EmbeddingFile, "embedding_backward_visual", dOutput.Type);
        launch.AddMatrix(dVisual);
        launch.AddMatrix(dOutput);
        launch.Add(visualRows);
        launch.Add((int)dOutput.Columns);
        launch.Add((int)dVisual.Rows);
        launch.AddFaults();
        launch.Run((int)dOutput.Rows, 1, 1, 128, 0);
    }

    /// <summary>Sorts the pairs of id and row in tiles, merges the tiles, and adds the rows of every id in their order.</summary>
    private void AddToTable(DeviceView dTable, DeviceView dOutput, DeviceView ids, DeviceView visualRows)
    {
        var rows = (int)dOutput.Rows;
        var tiles = (rows + EmbeddingTile - 1) / EmbeddingTile;
        const int keyBytes = sizeof(ulong);
        var keys = Scratch(ScratchSlot.Integers, (tiles > 1 ? 2L : 1L) * rows * keyBytes);
        var sorted = new DeviceView(keys.Buffer, keys.ByteOffset, 1, 2L * rows, 2L * rows, ElementType.Int32);
        var sort = Begin(EmbeddingFile, "embedding_sort", dOutput.Type, operation: nameof(EmbeddingBackward));
        sort.Add(sorted);
        sort.Add(ids);
        sort.Add(visualRows);
        sort.Add(rows);
        sort.Add((int)dTable.Rows);
        sort.AddFaults();
        sort.Run(tiles, 1, 1, 1024, 0);
        var ordered = sorted;
        if (tiles > 1)
        {
            ordered = new DeviceView(keys.Buffer, keys.ByteOffset + (long)rows * keyBytes, 1, 2L * rows, 2L * rows, ElementType.Int32);
            var merge = Begin(EmbeddingFile, "embedding_merge", dOutput.Type, operation: nameof(EmbeddingBackward));
            merge.Add(ordered);
            merge.Add(sorted);
            merge.Add(rows);
            merge.Run((rows + 255) / 256, 1, 1, 256, 0);
        }
        var columns = (int)dOutput.Columns;
        var sum = Begin(EmbeddingFile, "embedding_sum", dOutput.Type, operation: nameof(EmbeddingBackward));
        sum.AddMatrix(dTable);
        sum.AddMatrix(dOutput);
        sum.Add(ordered);
        sum.Add(rows);
        sum.Add(columns);
        sum.Run((rows + EmbeddingPlaces - 1) / EmbeddingPlaces, VectorBlocks(columns, dOutput.Type), 1, 128, 0);
    }
}
