using ILGPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Rotary position embedding in place, rotate-half form: of every head x and its position p, with h = D/2 and i below h, x[i], x[i + h] = x[i] * cos - x[i + h] * sin, x[i + h] * cos + x[i] * sin,
// cos = table[p, i], sin = table[p, h + i]. values [N, heads * D] in storage, table [positions, D] floats, positions [N]. Bound by bytes: 2*N*heads*D elements.
// A position outside the table is reported, its row stays as it is. Where to read first: RopePair.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse)
    {
        if (values.Type == ElementType.BFloat16)
            ForEach(new RopePair<StoredBFloat16>(Of<StoredBFloat16>(values), Of<StoredFloat32>(table), Elements<int>(positions), table.Rows, headSize, inverse ? -1f : 1f, Faults()), values.Rows, values.Columns / 2);
        else
            ForEach(new RopePair<StoredFloat32>(Of<StoredFloat32>(values), Of<StoredFloat32>(table), Elements<int>(positions), table.Rows, headSize, inverse ? -1f : 1f, Faults()), values.Rows, values.Columns / 2);
    }

    /// <summary>The column is the number of a pair in its row.</summary>
    internal readonly struct RopePair<TStored>(Matrix<TStored> values, Matrix<StoredFloat32> table, ArrayView<int> positions, long tableRows, int headSize, float direction, ArrayView<int> faults) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _values = values;
        private readonly Matrix<StoredFloat32> _table = table;
        private readonly ArrayView<int> _positions = positions;
        private readonly long _tableRows = tableRows;
        private readonly int _headSize = headSize;
        private readonly float _direction = direction;
        private readonly ArrayView<int> _faults = faults;

        public void Apply(long row, int column)
        {
            var position = _positions[row];
            if (position < 0 || position >= _tableRows)
            {
                _faults[0] = KernelFault.PositionOutsideTable;
                return;
            }
            var half = _headSize / 2;
            var i = column % half;
            var first = column / half * _headSize + i;
            var cosine = _table.Read(position, i);
            var sine = _table.Read(position, half + i) * _direction;
            var x = _values.Read(row, first);
            var y = _values.Read(row, first + half);
            _values.Write(row, first, MathF.FusedMultiplyAdd(-y, sine, x * cosine));
            _values.Write(row, first + half, MathF.FusedMultiplyAdd(x, sine, y * cosine));
        }
    }
}
