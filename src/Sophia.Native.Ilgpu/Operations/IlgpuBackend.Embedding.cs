using ILGPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Token embeddings with visual tokens spliced in: output[n] = visual[visualRows[n]] where that is not negative, else table[ids[n]]; dTable[ids[n]] += dOutput[n] for text rows in the order of n,
// dVisual[visualRows[n]] = dOutput[n]. output, dOutput [N, C], table [V, C], visual, dVisual [M, C] in storage; dTable [V, C] floats; ids, visualRows [N].
// Bound by bytes: 2*N*C elements forward. The table's gradient is a thread for each column that walks all rows in their order: no atomics and no sorting, C threads of work. An id or a visual row that is not there is
// reported; forward such a row becomes zero, backward it adds nothing. Where to read first: EmbeddingForwardElement.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows)
    {
        if (output.Type == ElementType.BFloat16)
            ForEach(new EmbeddingForwardElement<StoredBFloat16>(Of<StoredBFloat16>(output), Of<StoredBFloat16>(table), Elements<int>(ids), Of<StoredBFloat16>(visual), Elements<int>(visualRows), table.Rows,
                visual.Rows, Faults()), output.Rows, output.Columns);
        else
            ForEach(new EmbeddingForwardElement<StoredFloat32>(Of<StoredFloat32>(output), Of<StoredFloat32>(table), Elements<int>(ids), Of<StoredFloat32>(visual), Elements<int>(visualRows), table.Rows,
                visual.Rows, Faults()), output.Rows, output.Columns);
    }

    /// <inheritdoc/>
    protected override void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows)
    {
        if (dOutput.Type == ElementType.BFloat16)
            EmbeddingBackward<StoredBFloat16>(dTable, dVisual, dOutput, ids, visualRows);
        else
            EmbeddingBackward<StoredFloat32>(dTable, dVisual, dOutput, ids, visualRows);
    }

    private void EmbeddingBackward<TStored>(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows)
        where TStored : unmanaged, IStored<TStored>
    {
        if (!dTable.IsAbsent)
            ForEach(new EmbeddingTableColumn<TStored>(Of<StoredFloat32>(dTable), Of<TStored>(dOutput), Elements<int>(ids), Elements<int>(visualRows), dTable.Rows, dOutput.Rows, Faults(nameof(EmbeddingBackward))),
                1, dOutput.Columns, nameof(EmbeddingBackward));
        if (!dVisual.IsAbsent)
            ForEach(new EmbeddingVisualElement<TStored>(Of<TStored>(dVisual), Of<TStored>(dOutput), Elements<int>(visualRows), dVisual.Rows, Faults(nameof(EmbeddingBackward))),
                dOutput.Rows, dOutput.Columns, nameof(EmbeddingBackward));
    }

    internal readonly struct EmbeddingForwardElement<TStored>(Matrix<TStored> output, Matrix<TStored> table, ArrayView<int> ids, Matrix<TStored> visual, ArrayView<int> visualRows, long vocabulary, long visualCount,
        ArrayView<int> faults) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<TStored> _table = table;
        private readonly ArrayView<int> _ids = ids;
        private readonly Matrix<TStored> _visual = visual;
        private readonly ArrayView<int> _visualRows = visualRows;
        private readonly long _vocabulary = vocabulary;
        private readonly long _visualCount = visualCount;
        private readonly ArrayView<int> _faults = faults;

        public void Apply(long row, int column)
        {
            var visualRow = _visualRows[row];
            var id = _ids[row];
            if (visualRow >= 0 && visualRow < _visualCount)
            {
                _output.WriteRaw(row, column, _visual.Raw(visualRow, column));
                return;
            }
            if (visualRow < 0 && id >= 0 && id < _vocabulary)
            {
                _output.WriteRaw(row, column, _table.Raw(id, column));
                return;
            }
            _faults[0] = visualRow >= 0 ? KernelFault.RowOutsideMatrix : KernelFault.TokenOutsideVocabulary;
            _output.Write(row, column, 0f);
        }
    }

    internal readonly struct EmbeddingTableColumn<TStored>(Matrix<StoredFloat32> dTable, Matrix<TStored> dOutput, ArrayView<int> ids, ArrayView<int> visualRows, long vocabulary, long rows, ArrayView<int> faults)
        : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<StoredFloat32> _dTable = dTable;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly ArrayView<int> _ids = ids;
        private readonly ArrayView<int> _visualRows = visualRows;
        private readonly long _vocabulary = vocabulary;
        private readonly long _rows = rows;
        private readonly ArrayView<int> _faults = faults;

        public void Apply(long row, int column)
        {
            for (long n = 0; n < _rows; n++)
            {
                if (_visualRows[n] >= 0)
                    continue;
                var id = _ids[n];
                if (id < 0 || id >= _vocabulary)
                    _faults[0] = KernelFault.TokenOutsideVocabulary;
                else
                    _dTable.Write(id, column, _dTable.Read(id, column) + _dOutput.Read(n, column));
            }
        }
    }

    internal readonly struct EmbeddingVisualElement<TStored>(Matrix<TStored> dVisual, Matrix<TStored> dOutput, ArrayView<int> visualRows, long visualCount, ArrayView<int> faults) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dVisual = dVisual;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly ArrayView<int> _visualRows = visualRows;
        private readonly long _visualCount = visualCount;
        private readonly ArrayView<int> _faults = faults;

        public void Apply(long row, int column)
        {
            var visualRow = _visualRows[row];
            if (visualRow >= _visualCount)
                _faults[0] = KernelFault.RowOutsideMatrix;
            else if (visualRow >= 0)
                _dVisual.WriteRaw(visualRow, column, _dOutput.Raw(row, column));
        }
    }
}
