namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>Row n of the output is visual[visualRows[n]] where that is not negative, else table[ids[n]]: token embeddings with the visual tokens spliced in. Storage: output, table and visual.</summary>
    /// <param name="output">[N, C], overwritten.</param>
    /// <param name="table">[V, C].</param>
    /// <param name="ids">[N] Int32, each in [0, V).</param>
    /// <param name="visual">[M, C], or absent when no row is visual.</param>
    /// <param name="visualRows">[N] Int32, minus one for text.</param>
    public void EmbeddingForward(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows)
    {
        var storage = Require.Storage(this, table);
        Require.Vector(ids, output.Rows, ElementType.Int32);
        Require.Vector(visualRows, output.Rows, ElementType.Int32);
        Require.Shape(output, output.Rows, table.Columns, storage);
        Require.OptionalShape(visual, visual.Rows, table.Columns, storage);
        EmbeddingForwardCore(output, table, ids, visual, visualRows);
    }

    /// <summary>
    /// dTable[ids[n]] += dOutput[n] for text rows in the order of n; dVisual[visualRows[n]] = dOutput[n] for visual rows. A visual row sends nothing to the table.
    /// Storage: dVisual and dOutput.
    /// </summary>
    /// <param name="dTable">[V, C] Float32, added to; absent when frozen.</param>
    /// <param name="dVisual">[M, C], the named rows are overwritten; absent when not needed.</param>
    /// <param name="dOutput">[N, C].</param>
    /// <param name="ids">[N] Int32.</param>
    /// <param name="visualRows">[N] Int32, no row of visual twice.</param>
    public void EmbeddingBackward(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows)
    {
        var storage = Require.Storage(this, dOutput);
        Require.Vector(ids, dOutput.Rows, ElementType.Int32);
        Require.Vector(visualRows, dOutput.Rows, ElementType.Int32);
        Require.OptionalShape(dTable, dTable.Rows, dOutput.Columns);
        Require.OptionalShape(dVisual, dVisual.Rows, dOutput.Columns, storage);
        EmbeddingBackwardCore(dTable, dVisual, dOutput, ids, visualRows);
    }

    /// <inheritdoc cref="EmbeddingForward"/>
    protected abstract void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows);

    /// <inheritdoc cref="EmbeddingBackward"/>
    protected abstract void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows);
}
