using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// GELU with the error function: output = x * Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2; dInput = dOutput * (Phi(x) + x * phi(x)). All arguments [N, F] in storage; outputs are overwritten.
// Bound by bytes: 2*N*F elements forward, 3*N*F backward. Where to read first: GeluForwardElement.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void GeluForwardCore(DeviceView output, DeviceView input)
    {
        if (input.Type == ElementType.BFloat16)
            ForEach(new GeluForwardElement<StoredBFloat16>(Of<StoredBFloat16>(output), Of<StoredBFloat16>(input)), input.Rows, input.Columns);
        else
            ForEach(new GeluForwardElement<StoredFloat32>(Of<StoredFloat32>(output), Of<StoredFloat32>(input)), input.Rows, input.Columns);
    }

    /// <inheritdoc/>
    protected override void GeluBackwardCore(DeviceView dInput, DeviceView dOutput, DeviceView input)
    {
        if (input.Type == ElementType.BFloat16)
            ForEach(new GeluBackwardElement<StoredBFloat16>(Of<StoredBFloat16>(dInput), Of<StoredBFloat16>(dOutput), Of<StoredBFloat16>(input)), input.Rows, input.Columns);
        else
            ForEach(new GeluBackwardElement<StoredFloat32>(Of<StoredFloat32>(dInput), Of<StoredFloat32>(dOutput), Of<StoredFloat32>(input)), input.Rows, input.Columns);
    }

    /// <summary>Phi(x).</summary>
    private static float NormalDistribution(float x) => MathF.FusedMultiplyAdd(0.5f, ScalarMath.Erf(x * 0.70710678f), 0.5f);

    /// <summary>phi(x) = exp(-x^2 / 2) / sqrt(2 pi).</summary>
    private static float NormalDensity(float x) => ScalarMath.Exp(x * x * -0.5f) * 0.39894228f;

    internal readonly struct GeluForwardElement<TStored>(Matrix<TStored> output, Matrix<TStored> input) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<TStored> _input = input;

        public void Apply(long row, int column)
        {
            var x = _input.Read(row, column);
            _output.Write(row, column, x * NormalDistribution(x));
        }
    }

    internal readonly struct GeluBackwardElement<TStored>(Matrix<TStored> dInput, Matrix<TStored> dOutput, Matrix<TStored> input) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dInput = dInput;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _input = input;

        public void Apply(long row, int column)
        {
            var x = _input.Read(row, column);
            var slope = MathF.FusedMultiplyAdd(x, NormalDensity(x), NormalDistribution(x));
            _dInput.Write(row, column, _dOutput.Read(row, column) * slope);
        }
    }
}
