using System.Runtime.CompilerServices;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Sums over the rows of a matrix in two launches and an order that the number of rows alone decides: parts of 128 rows, each summed in order, then the parts in order on top of what the gradient holds.
public sealed partial class IlgpuBackend
{
    private const int PartRows = 128;

    /// <summary>target[c] += the sum over rows of the term.</summary>
    private void AddColumnSums<TTerm>(DeviceView target, in TTerm term, long rows, [CallerMemberName] string operation = "")
        where TTerm : struct, IColumnTerm
    {
        if (target.IsAbsent || target.Length == 0 || rows == 0)
            return;
        var parts = BlocksOf(rows, PartRows);
        var partials = new DeviceView(Scratch(ScratchSlot.Partials, parts * target.Length).Buffer, 0, parts, target.Length, target.Length, ElementType.Float32);
        ForEach(new ColumnPart<TTerm>(Of<StoredFloat32>(partials), term, rows), parts, target.Length, operation);
        ForEach(new ColumnParts(Of<StoredFloat32>(target), Of<StoredFloat32>(partials), parts), 1, target.Length, operation);
    }

    internal readonly struct ColumnPart<TTerm>(Matrix<StoredFloat32> partials, TTerm term, long rows) : IElementOperator
        where TTerm : struct, IColumnTerm
    {
        private readonly Matrix<StoredFloat32> _partials = partials;
        private readonly TTerm _term = term;
        private readonly long _rows = rows;

        public void Apply(long row, int column)
        {
            var end = (row + 1) * PartRows;
            end = end < _rows ? end : _rows;
            var sum = 0f;
            for (var n = row * PartRows; n < end; n++)
                sum = _term.Add(sum, n, column);
            _partials.Write(row, column, sum);
        }
    }

    internal readonly struct ColumnParts(Matrix<StoredFloat32> target, Matrix<StoredFloat32> partials, long parts) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _target = target;
        private readonly Matrix<StoredFloat32> _partials = partials;
        private readonly long _parts = parts;

        public void Apply(long row, int column)
        {
            var sum = 0f;
            for (long part = 0; part < _parts; part++)
                sum += _partials.Read(part, column);
            _target.Write(column, _target.Read(column) + sum);
        }
    }

    /// <summary>The element itself.</summary>
    internal readonly struct ElementTerm<TStored>(Matrix<TStored> values) : IColumnTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _values = values;

        public float Add(float sum, long row, int column) => sum + _values.Read(row, column);
    }
}
