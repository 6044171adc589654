namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>output = silu(gate) * up, silu(x) = x / (1 + exp(-x)). Bound by bytes: 3*N*F elements. Storage: all arguments.</summary>
    /// <param name="output">[N, F], overwritten.</param>
    /// <param name="gateUp">[N, 2F]: the gate's columns, then those of up.</param>
    public void SwiGluForward(DeviceView output, DeviceView gateUp)
    {
        var storage = Require.Storage(this, output);
        Require.Shape(gateUp, output.Rows, 2 * output.Columns, storage);
        SwiGluForwardCore(output, gateUp);
    }

    /// <summary>With s = sigmoid(gate): dGate = dOutput * up * s * (1 + gate * (1 - s)); dUp = dOutput * gate * s. Storage: all arguments.</summary>
    /// <param name="dGateUp">[N, 2F], overwritten; may be gateUp.</param>
    /// <param name="dOutput">[N, F].</param>
    /// <param name="gateUp">[N, 2F], of the forward pass.</param>
    public void SwiGluBackward(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp)
    {
        var storage = Require.Storage(this, dOutput);
        Require.Shape(gateUp, dOutput.Rows, 2 * dOutput.Columns, storage);
        Require.Shape(dGateUp, dOutput.Rows, 2 * dOutput.Columns, storage);
        SwiGluBackwardCore(dGateUp, dOutput, gateUp);
    }

    /// <inheritdoc cref="SwiGluForward"/>
    protected abstract void SwiGluForwardCore(DeviceView output, DeviceView gateUp);

    /// <inheritdoc cref="SwiGluBackward"/>
    protected abstract void SwiGluBackwardCore(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp);
}
