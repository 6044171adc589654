using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// The residual connection with layer scale. Bound by bytes: 3*N*C elements forward, 2*N*C + 2*N*C backward.
// Where to read first: ScaledResidual; its loop is ElementwiseLoop.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale)
    {
        var (sum, x, y) = (Stage(output), Widen(residual), Widen(branch));
        if (scale.IsAbsent)
            ElementwiseLoop.Run(_path, _pool, new PlainResidual(sum, x, y), y.Rows, y.Columns);
        else
            ElementwiseLoop.Run(_path, _pool, new ScaledResidual(sum, x, y, Widen(scale)), y.Rows, y.Columns);
        Settle(output, sum);
    }

    /// <inheritdoc/>
    protected override void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale)
    {
        var (dy, dz) = (Stage(dBranch), Widen(dOutput));
        if (!dScale.IsAbsent)
            ColumnSumLoop.Run(_path, _pool, Floats(dScale), new RowProduct(dz, Widen(branch)), branch.Rows, branch.Columns);
        ElementwiseLoop.Run(_path, _pool, new ScaledRows(dy, dz, Widen(scale)), branch.Rows, branch.Columns);
        Settle(dBranch, dy);
    }

    private struct PlainResidual(DeviceView output, DeviceView residual, DeviceView branch) : IElementwiseOperator
    {
        private RowCursor _output = new(output);
        private RowCursor _residual = new(residual);
        private RowCursor _branch = new(branch);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MoveTo(nint row)
        {
            _output.MoveTo(row);
            _residual.MoveTo(row);
            _branch.MoveTo(row);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes =>
            lanes.Store<TSimd, TVector>(_output.Row + column, TSimd.Add(lanes.Load<TSimd, TVector>(_residual.Row + column), lanes.Load<TSimd, TVector>(_branch.Row + column)));
    }

    private struct ScaledResidual(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale) : IElementwiseOperator
    {
        private readonly float* _scale = Floats(scale);
        private RowCursor _output = new(output);
        private RowCursor _residual = new(residual);
        private RowCursor _branch = new(branch);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MoveTo(nint row)
        {
            _output.MoveTo(row);
            _residual.MoveTo(row);
            _branch.MoveTo(row);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var branch = lanes.Load<TSimd, TVector>(_branch.Row + column);
            var sum = TSimd.FusedMultiplyAdd(lanes.Load<TSimd, TVector>(_scale + column), branch, lanes.Load<TSimd, TVector>(_residual.Row + column));
            lanes.Store<TSimd, TVector>(_output.Row + column, sum);
        }
    }

    private struct ScaledRows(DeviceView output, DeviceView input, DeviceView scale) : IElementwiseOperator
    {
        private readonly float* _scale = Floats(scale);
        private RowCursor _output = new(output);
        private RowCursor _input = new(input);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MoveTo(nint row)
        {
            _output.MoveTo(row);
            _input.MoveTo(row);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes =>
            lanes.Store<TSimd, TVector>(_output.Row + column, TSimd.Multiply(lanes.Load<TSimd, TVector>(_scale + column), lanes.Load<TSimd, TVector>(_input.Row + column)));
    }

    private readonly struct RowProduct(DeviceView left, DeviceView right) : IColumnTerm
    {
        private readonly RowCursor _left = new(left);
        private readonly RowCursor _right = new(right);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint row, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes =>
            TSimd.FusedMultiplyAdd(lanes.Load<TSimd, TVector>(_left.At(row) + column), lanes.Load<TSimd, TVector>(_right.At(row) + column), sum);
    }
}
