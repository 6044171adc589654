using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// SwiGLU. Bound by bytes once it leaves the caches: 3*N*F elements forward, 5*N*F backward; about 20 operations an element for the exponential.
// Where to read first: SwiGluForwardVector; its loop is ElementwiseLoop.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void SwiGluForwardCore(DeviceView output, DeviceView gateUp)
    {
        var (y, x) = (Stage(output), Widen(gateUp));
        ElementwiseLoop.Run(_path, _pool, new SwiGluForwardVector(y, x), y.Rows, y.Columns);
        Settle(output, y);
    }

    /// <inheritdoc/>
    protected override void SwiGluBackwardCore(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp)
    {
        var (dx, dy, x) = (Stage(dGateUp), Widen(dOutput), Widen(gateUp));
        ElementwiseLoop.Run(_path, _pool, new SwiGluBackwardVector(dx, dy, x), dy.Rows, dy.Columns);
        Settle(dGateUp, dx);
    }

    private struct SwiGluForwardVector(DeviceView output, DeviceView gateUp) : IElementwiseOperator
    {
        private readonly nint _features = (nint)output.Columns;
        private RowCursor _output = new(output);
        private RowCursor _gateUp = new(gateUp);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MoveTo(nint row)
        {
            _output.MoveTo(row);
            _gateUp.MoveTo(row);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var gate = lanes.Load<TSimd, TVector>(_gateUp.Row + column);
            var up = lanes.Load<TSimd, TVector>(_gateUp.Row + _features + column);
            var activation = TSimd.Multiply(gate, VectorMath<TSimd, TVector>.Sigmoid(gate));
            lanes.Store<TSimd, TVector>(_output.Row + column, TSimd.Multiply(activation, up));
        }
    }

    private struct SwiGluBackwardVector(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp) : IElementwiseOperator
    {
        private readonly nint _features = (nint)dOutput.Columns;
        private RowCursor _dGateUp = new(dGateUp);
        private RowCursor _dOutput = new(dOutput);
        private RowCursor _gateUp = new(gateUp);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MoveTo(nint row)
        {
            _dGateUp.MoveTo(row);
            _dOutput.MoveTo(row);
            _gateUp.MoveTo(row);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var gate = lanes.Load<TSimd, TVector>(_gateUp.Row + column);
            var up = lanes.Load<TSimd, TVector>(_gateUp.Row + _features + column);
            var dOutput = lanes.Load<TSimd, TVector>(_dOutput.Row + column);
            var one = TSimd.Create(1f);
            var sigmoid = VectorMath<TSimd, TVector>.Sigmoid(gate);
            var slope = TSimd.Multiply(sigmoid, TSimd.FusedMultiplyAdd(gate, TSimd.Subtract(one, sigmoid), one));
            lanes.Store<TSimd, TVector>(_dGateUp.Row + column, TSimd.Multiply(TSimd.Multiply(dOutput, up), slope));
            lanes.Store<TSimd, TVector>(_dGateUp.Row + _features + column, TSimd.Multiply(dOutput, TSimd.Multiply(gate, sigmoid)));
        }
    }
}
