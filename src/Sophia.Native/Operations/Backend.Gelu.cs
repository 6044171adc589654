namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>output = x * Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2: the exact form, not the tanh approximation. Storage: all arguments.</summary>
    /// <param name="output">[N, F], overwritten; may be the input.</param>
    /// <param name="input">[N, F].</param>
    public void GeluForward(DeviceView output, DeviceView input)
    {
        var storage = Require.Storage(this, input);
        Require.Shape(output, input.Rows, input.Columns, storage);
        GeluForwardCore(output, input);
    }

    /// <summary>dInput = dOutput * (Phi(x) + x * phi(x)), phi the standard normal density. Storage: all arguments.</summary>
    /// <param name="dInput">[N, F], overwritten; may be dOutput.</param>
    /// <param name="dOutput">[N, F].</param>
    /// <param name="input">[N, F], of the forward pass.</param>
    public void GeluBackward(DeviceView dInput, DeviceView dOutput, DeviceView input)
    {
        var storage = Require.Storage(this, input);
        Require.Shape(dOutput, input.Rows, input.Columns, storage);
        Require.Shape(dInput, input.Rows, input.Columns, storage);
        GeluBackwardCore(dInput, dOutput, input);
    }

    /// <inheritdoc cref="GeluForward"/>
    protected abstract void GeluForwardCore(DeviceView output, DeviceView input);

    /// <inheritdoc cref="GeluBackward"/>
    protected abstract void GeluBackwardCore(DeviceView dInput, DeviceView dOutput, DeviceView input);
}
