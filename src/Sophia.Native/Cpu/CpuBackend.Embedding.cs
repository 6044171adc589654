using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Token embeddings with visual tokens spliced in. Bound by bytes: 2*N*C elements forward, 3*N*C backward.
// Where to read first: EmbeddingForwardRow. Backward, tokens of one id meet in one row of the table: every block of columns walks all tokens in their order.
public sealed unsafe partial class CpuBackend
{
    private const int ScatterColumns = 64;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">An id or a visual row is out of range; the message names it.</exception>
    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows)
    {
        CheckTokens(ids, table.Rows, visualRows, visual.Rows, "EmbeddingForward");
        RowLoop.Run(_path, _pool, new EmbeddingForwardRow(output, table, ids, visual, visualRows), output.Rows, output.Columns);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">An id or a visual row is out of range; the message names it.</exception>
    protected override void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows)
    {
        CheckTokens(ids, dTable.IsAbsent ? long.MaxValue : dTable.Rows, visualRows, dVisual.IsAbsent ? long.MaxValue : dVisual.Rows, "EmbeddingBackward");
        if (!dTable.IsAbsent)
        {
            var blocks = (dOutput.Columns + ScatterColumns - 1) / ScatterColumns;
            RowLoop.Run(_path, _pool, new EmbeddingTableBlock(dTable, Widen(dOutput), ids, visualRows), blocks, dOutput.Rows * ScatterColumns);
            Settle();
        }
        if (!dVisual.IsAbsent)
            RowLoop.Run(_path, _pool, new EmbeddingVisualRow(dVisual, dOutput, visualRows), dOutput.Rows, dOutput.Columns);
    }

    private static void CheckTokens(DeviceView ids, long vocabulary, DeviceView visualRows, long visualCount, string operation)
    {
        var id = (int*)ids.Address;
        var visualRow = (int*)visualRows.Address;
        for (nint n = 0; n < ids.Length; n++)
        {
            if (visualRow[n] >= visualCount)
                ThrowRow(operation, "visualRows", n, visualRow[n], visualCount, "visual rows");
            if (visualRow[n] < 0 && (uint)id[n] >= vocabulary)
                ThrowRow(operation, "ids", n, id[n], vocabulary, "rows of the table");
        }
    }

    private readonly struct EmbeddingForwardRow(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows) : IRowOperator
    {
        private readonly RowBytes _output = new(output);
        private readonly RowBytes _table = new(table);
        private readonly RowBytes _visual = new(visual);
        private readonly int* _ids = (int*)ids.Address;
        private readonly int* _visualRows = (int*)visualRows.Address;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var visualRow = _visualRows[row];
            _output.CopyFrom(row, visualRow >= 0 ? _visual.At(visualRow) : _table.At(_ids[row]));
        }
    }

    /// <summary>The row number is that of a block of columns.</summary>
    private readonly struct EmbeddingTableBlock(DeviceView dTable, DeviceView dOutput, DeviceView ids, DeviceView visualRows) : IRowOperator
    {
        private readonly RowCursor _dTable = new(dTable);
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly int* _ids = (int*)ids.Address;
        private readonly int* _visualRows = (int*)visualRows.Address;
        private readonly nint _rows = (nint)dOutput.Rows;
        private readonly nint _columns = (nint)dOutput.Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint block)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var firstColumn = block * ScatterColumns;
            var endColumn = Math.Min(firstColumn + ScatterColumns, _columns);
            for (nint row = 0; row < _rows; row++)
            {
                if (_visualRows[row] >= 0)
                    continue;
                var target = _dTable.At(_ids[row]);
                var sum = new SumVector(target, target, _dOutput.At(row));
                ElementwiseLoop.RunRow<SumVector, TSimd, TVector>(ref sum, firstColumn, endColumn);
            }
        }
    }

    private readonly struct EmbeddingVisualRow(DeviceView dVisual, DeviceView dOutput, DeviceView visualRows) : IRowOperator
    {
        private readonly RowBytes _dVisual = new(dVisual);
        private readonly RowBytes _dOutput = new(dOutput);
        private readonly int* _visualRows = (int*)visualRows.Address;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            if (_visualRows[row] >= 0)
                _dVisual.CopyFrom(_visualRows[row], _dOutput.At(row));
        }
    }

    /// <summary>output = left + right.</summary>
    private readonly struct SumVector(float* output, float* left, float* right) : IVectorOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes =>
            lanes.Store<TSimd, TVector>(output + column, TSimd.Add(lanes.Load<TSimd, TVector>(left + column), lanes.Load<TSimd, TVector>(right + column)));
    }
}
