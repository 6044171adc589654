using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// SwiGLU with s = sigmoid(gate): output = gate * s * up; dGate = dOutput * up * s * (1 + gate * (1 - s)), dUp = dOutput * gate * s.
// output, dOutput [N, F], gateUp, dGateUp [N, 2F] (the gate's columns, then those of up), in storage; outputs are overwritten, dGateUp may be gateUp.
// Bound by bytes: 3*N*F elements forward, 5*N*F backward. Where to read first: SwiGluForwardElement.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void SwiGluForwardCore(DeviceView output, DeviceView gateUp)
    {
        if (output.Type == ElementType.BFloat16)
            ForEach(new SwiGluForwardElement<StoredBFloat16>(Of<StoredBFloat16>(output), Of<StoredBFloat16>(gateUp), output.Columns), output.Rows, output.Columns);
        else
            ForEach(new SwiGluForwardElement<StoredFloat32>(Of<StoredFloat32>(output), Of<StoredFloat32>(gateUp), output.Columns), output.Rows, output.Columns);
    }

    /// <inheritdoc/>
    protected override void SwiGluBackwardCore(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp)
    {
        if (dOutput.Type == ElementType.BFloat16)
            ForEach(new SwiGluBackwardElement<StoredBFloat16>(Of<StoredBFloat16>(dGateUp), Of<StoredBFloat16>(dOutput), Of<StoredBFloat16>(gateUp), dOutput.Columns), dOutput.Rows, dOutput.Columns);
        else
            ForEach(new SwiGluBackwardElement<StoredFloat32>(Of<StoredFloat32>(dGateUp), Of<StoredFloat32>(dOutput), Of<StoredFloat32>(gateUp), dOutput.Columns), dOutput.Rows, dOutput.Columns);
    }

    internal readonly struct SwiGluForwardElement<TStored>(Matrix<TStored> output, Matrix<TStored> gateUp, long features) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<TStored> _gateUp = gateUp;
        private readonly long _features = features;

        public void Apply(long row, int column)
        {
            var gate = _gateUp.Read(row, column);
            _output.Write(row, column, gate * ScalarMath.Sigmoid(gate) * _gateUp.Read(row, _features + column));
        }
    }

    internal readonly struct SwiGluBackwardElement<TStored>(Matrix<TStored> dGateUp, Matrix<TStored> dOutput, Matrix<TStored> gateUp, long features) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dGateUp = dGateUp;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _gateUp = gateUp;
        private readonly long _features = features;

        public void Apply(long row, int column)
        {
            var gate = _gateUp.Read(row, column);
            var up = _gateUp.Read(row, _features + column);
            var gradient = _dOutput.Read(row, column);
            var sigmoid = ScalarMath.Sigmoid(gate);
            var slope = sigmoid * MathF.FusedMultiplyAdd(gate, 1f - sigmoid, 1f);
            _dGateUp.Write(row, column, gradient * up * slope);
            _dGateUp.Write(row, _features + column, gradient * (gate * sigmoid));
        }
    }
}
