using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// GELU with the error function. Bound by operations: about 40 per element forward (two polynomials and an exponential), 70 backward.
// Where to read first: GeluForwardVector, the shortest operation of this backend; the loop around it is ElementwiseLoop, erf and exp are in VectorMath.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void GeluForwardCore(DeviceView output, DeviceView input)
    {
        var (y, x) = (Stage(output), Widen(input));
        ElementwiseLoop.Run(_path, _pool, new GeluForwardVector(y, x), x.Rows, x.Columns);
        Settle(output, y);
    }

    /// <inheritdoc/>
    protected override void GeluBackwardCore(DeviceView dInput, DeviceView dOutput, DeviceView input)
    {
        var (dx, dy, x) = (Stage(dInput), Widen(dOutput), Widen(input));
        ElementwiseLoop.Run(_path, _pool, new GeluBackwardVector(dx, dy, x), x.Rows, x.Columns);
        Settle(dInput, dx);
    }

    /// <summary>Phi(x) = (1 + erf(x / sqrt(2))) / 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector NormalDistribution<TSimd, TVector>(TVector x)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var half = TSimd.Create(0.5f);
        return TSimd.FusedMultiplyAdd(half, VectorMath<TSimd, TVector>.Erf(TSimd.Multiply(x, TSimd.Create(0.70710678f))), half);
    }

    private struct GeluForwardVector(DeviceView output, DeviceView input) : IElementwiseOperator
    {
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
            where TLanes : struct, ILanes
        {
            var x = lanes.Load<TSimd, TVector>(_input.Row + column);
            lanes.Store<TSimd, TVector>(_output.Row + column, TSimd.Multiply(x, NormalDistribution<TSimd, TVector>(x)));
        }
    }

    private struct GeluBackwardVector(DeviceView dInput, DeviceView dOutput, DeviceView input) : IElementwiseOperator
    {
        /// <summary>1 / sqrt(2 pi).</summary>
        private const float DensityAtZero = 0.39894228f;

        private RowCursor _dInput = new(dInput);
        private RowCursor _dOutput = new(dOutput);
        private RowCursor _input = new(input);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MoveTo(nint row)
        {
            _dInput.MoveTo(row);
            _dOutput.MoveTo(row);
            _input.MoveTo(row);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var x = lanes.Load<TSimd, TVector>(_input.Row + column);
            var exponent = TSimd.Multiply(TSimd.Multiply(x, x), TSimd.Create(-0.5f));
            var density = TSimd.Multiply(VectorMath<TSimd, TVector>.Exp(exponent), TSimd.Create(DensityAtZero));
            var slope = TSimd.FusedMultiplyAdd(x, density, NormalDistribution<TSimd, TVector>(x));
            lanes.Store<TSimd, TVector>(_dInput.Row + column, TSimd.Multiply(lanes.Load<TSimd, TVector>(_dOutput.Row + column), slope));
        }
    }
}
