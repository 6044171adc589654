using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Rotary position embedding in place. Bound by bytes: every element is read and written once; the table's row stays in the first-level cache over the heads of a token.
// Where to read first: RopeVector, the rotation of one vector of pairs.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse)
    {
        CheckRows("Rope", "positions", positions, table.Rows, "rows of the table");
        var x = Widen(values);
        RowLoop.Run(_path, _pool, new RopeRow(x, table, positions, headSize, inverse), x.Rows, x.Columns);
        Settle(values, x);
    }

    /// <summary>Every entry of a vector of row numbers must lie in [0, limit).</summary>
    private static void CheckRows(string operation, string name, DeviceView rows, long limit, string limitName)
    {
        var numbers = (int*)rows.Address;
        for (nint n = 0; n < rows.Length; n++)
        {
            if ((uint)numbers[n] >= limit)
                ThrowRow(operation, name, n, numbers[n], limit, limitName);
        }
    }

    private static void ThrowRow(string operation, string name, nint row, int found, long limit, string limitName) =>
        throw new ArgumentOutOfRangeException(name, $"{operation}: {name}[{row}] must be at least 0 and below {limit}, the number of {limitName}, found {found}.");

    private readonly struct RopeRow(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse) : IRowOperator
    {
        private readonly RowCursor _values = new(values);
        private readonly RowCursor _table = new(table);
        private readonly int* _positions = (int*)positions.Address;
        private readonly nint _columns = (nint)values.Columns;
        private readonly nint _headSize = headSize;
        private readonly bool _inverse = inverse;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var values = _values.At(row);
            var angles = _table.At(_positions[row]);
            var half = _headSize / 2;
            for (nint head = 0; head < _columns; head += _headSize)
            {
                var rotation = new RopeVector(values + head, angles, half, _inverse);
                ElementwiseLoop.RunRow<RopeVector, TSimd, TVector>(ref rotation, 0, half);
            }
        }
    }

    private readonly struct RopeVector(float* values, float* angles, nint half, bool inverse) : IVectorOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var cosine = lanes.Load<TSimd, TVector>(angles + column);
            var sine = lanes.Load<TSimd, TVector>(angles + half + column);
            if (inverse)
                sine = TSimd.Negate(sine);
            var lower = lanes.Load<TSimd, TVector>(values + column);
            var upper = lanes.Load<TSimd, TVector>(values + half + column);
            lanes.Store<TSimd, TVector>(values + column, TSimd.FusedNegatedMultiplyAdd(upper, sine, TSimd.Multiply(lower, cosine)));
            lanes.Store<TSimd, TVector>(values + half + column, TSimd.FusedMultiplyAdd(lower, sine, TSimd.Multiply(upper, cosine)));
        }
    }
}
