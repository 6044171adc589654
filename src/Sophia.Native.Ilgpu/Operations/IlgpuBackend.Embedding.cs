using ILGPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Token embeddings with visual tokens spliced in: output[n] = visual[visualRows[n]] where that is not negative, else table[ids[n]].
// Backward: dTable[ids[n]] += dOutput[n] for text rows in the order of n, dVisual[visualRows[n]] = dOutput[n] for visual rows.
// output, dOutput [N, C], table [V, C], visual and dVisual [M, C] in storage; dTable [V, C] floats; ids and visualRows [N].
// The rows of one id are a chain: every row looks for the next row of its id, and the first of a chain adds them up in their order. Bound by bytes, 2*N*C elements each way, and by N^2 comparisons of ids.
// An id or a visual row out of range is reported; forward its row becomes zero, backward it adds nothing. Where to read first: EmbeddingTableElement.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows)
    {
        if (table.Type == ElementType.BFloat16)
            ForEach(new EmbeddingForwardElement<StoredBFloat16>(Of<StoredBFloat16>(output), Of<StoredBFloat16>(table), Of<StoredBFloat16>(visual), TokensOf(ids, visualRows, table.Rows, visual.Rows, Faults())),
                output.Rows, output.Columns);
        else
            ForEach(new EmbeddingForwardElement<StoredFloat32>(Of<StoredFloat32>(output), Of<StoredFloat32>(table), Of<StoredFloat32>(visual), TokensOf(ids, visualRows, table.Rows, visual.Rows, Faults())),
                output.Rows, output.Columns);
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
        var rows = dOutput.Rows;
        if (rows == 0)
            return;
        var tokens = TokensOf(ids, visualRows, dTable.Rows, dVisual.Rows, Faults(nameof(EmbeddingBackward)));
        if (!dTable.IsAbsent)
        {
            var links = Elements<int>(Scratch(ScratchSlot.Rows, 2 * rows, ElementType.Int32));
            ForVector(new EmbeddingLink(links, tokens, checked((int)rows)), rows, nameof(EmbeddingBackward));
            ForEach(new EmbeddingTableElement<TStored>(Of<StoredFloat32>(dTable), Of<TStored>(dOutput), tokens, links, (int)rows), rows, dOutput.Columns, nameof(EmbeddingBackward));
        }
        if (!dVisual.IsAbsent)
            ForEach(new EmbeddingVisualElement<TStored>(Of<TStored>(dVisual), Of<TStored>(dOutput), tokens), rows, dOutput.Columns, nameof(EmbeddingBackward));
    }

    private TokenRows TokensOf(DeviceView ids, DeviceView visualRows, long vocabulary, long visualCount, ArrayView<int> faults) =>
        new(Elements<int>(ids), Elements<int>(visualRows), vocabulary, visualCount, faults);

    /// <summary>Where the rows of a batch come from.</summary>
    internal readonly struct TokenRows(ArrayView<int> ids, ArrayView<int> visualRows, long vocabulary, long visualCount, ArrayView<int> faults)
    {
        private readonly ArrayView<int> _ids = ids;
        private readonly ArrayView<int> _visualRows = visualRows;
        private readonly long _vocabulary = vocabulary;
        private readonly long _visualCount = visualCount;
        private readonly ArrayView<int> _faults = faults;

        public bool IsVisual(long row) => _visualRows[row] >= 0;

        /// <summary>The id of a text row, or minus one; an id outside the table is reported.</summary>
        public int Id(long row)
        {
            var id = _ids[row];
            if (IsVisual(row))
                return -1;
            if (id >= 0 && id < _vocabulary)
                return id;
            _faults[0] = KernelFault.TokenOutsideVocabulary;
            return -1;
        }

        /// <summary>The visual row, or minus one; one outside the visual embeddings is reported.</summary>
        public int Visual(long row)
        {
            var visualRow = _visualRows[row];
            if (visualRow < _visualCount)
                return visualRow;
            _faults[0] = KernelFault.RowOutsideMatrix;
            return -1;
        }

        /// <summary>Whether a row is text with an id.</summary>
        public bool Has(long row, int id) => _ids[row] == id && _visualRows[row] < 0;
    }

    internal readonly struct EmbeddingForwardElement<TStored>(Matrix<TStored> output, Matrix<TStored> table, Matrix<TStored> visual, TokenRows tokens) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<TStored> _table = table;
        private readonly Matrix<TStored> _visual = visual;
        private readonly TokenRows _tokens = tokens;

        public void Apply(long row, int column)
        {
            var isVisual = _tokens.IsVisual(row);
            var source = isVisual ? _tokens.Visual(row) : _tokens.Id(row);
            if (source < 0)
                _output.Write(row, column, 0f);
            else
                _output.WriteRaw(row, column, isVisual ? _visual.Raw(source, column) : _table.Raw(source, column));
        }
    }

    /// <summary>links[n]: the next row with the id of row n, or minus one; links[N + n]: 1 where row n is the first one with its id.</summary>
    internal readonly struct EmbeddingLink(ArrayView<int> links, TokenRows tokens, int rows) : IElementOperator
    {
        private readonly ArrayView<int> _links = links;
        private readonly TokenRows _tokens = tokens;
        private readonly int _rows = rows;

        public void Apply(long row, int column)
        {
            var n = VectorIndex.Of(row, column);
            if (n >= _rows)
                return;
            var id = _tokens.Id(n);
            var previous = id < 0 ? 0 : n - 1;
            while (id >= 0 && previous >= 0 && !_tokens.Has(previous, id))
                previous--;
            var next = n + 1;
            while (id >= 0 && next < _rows && !_tokens.Has(next, id))
                next++;
            _links[n] = id >= 0 && next < _rows ? (int)next : -1;
            _links[_rows + n] = previous < 0 ? 1 : 0;
        }
    }

    /// <summary>The sum of a column over the rows of an id, at the first of them.</summary>
    internal readonly struct EmbeddingTableElement<TStored>(Matrix<StoredFloat32> dTable, Matrix<TStored> dOutput, TokenRows tokens, ArrayView<int> links, int rows) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<StoredFloat32> _dTable = dTable;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly TokenRows _tokens = tokens;
        private readonly ArrayView<int> _links = links;
        private readonly int _rows = rows;

        public void Apply(long row, int column)
        {
            if (_links[_rows + row] == 0)
                return;
            var id = _tokens.Id(row);
            var sum = _dTable.Read(id, column);
            for (var n = (int)row; n >= 0; n = _links[n])
                sum += _dOutput.Read(n, column);
            _dTable.Write(id, column, sum);
        }
    }

    internal readonly struct EmbeddingVisualElement<TStored>(Matrix<TStored> dVisual, Matrix<TStored> dOutput, TokenRows tokens) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dVisual = dVisual;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly TokenRows _tokens = tokens;

        public void Apply(long row, int column)
        {
            var target = _tokens.Visual(row);
            if (target >= 0)
                _dVisual.WriteRaw(target, column, _dOutput.Raw(row, column));
        }
    }
}
