namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// Root-mean-square norm of every row: r = 1 / sqrt(mean(x^2) + epsilon), y = weight * (x * r). Over all channels of a row, also as q/k norm across heads.
    /// Bound by bytes: one read of the input, one write of the output.
    /// Storage: output, input and weight; statistics stay fp32.
    /// </summary>
    /// <param name="output">[N, C]; may be the input.</param>
    /// <param name="inverseRms">[N] Float32, saved for the backward pass, or absent.</param>
    /// <param name="input">[N, C].</param>
    /// <param name="weight">[C].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public void RmsNormForward(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon)
    {
        var storage = Require.Storage(this, input);
        Require.Shape(output, input.Rows, input.Columns, storage);
        Require.OptionalVector(inverseRms, input.Rows);
        Require.Vector(weight, input.Columns, storage);
        RmsNormForwardCore(output, inverseRms, input, weight, epsilon);
    }

    /// <summary>
    /// With g = dOutput * weight: dInput (+)= r * g - x * r^3 * mean(g * x); dWeight += sum over rows of dOutput * x * r.
    /// Storage: dInput, dOutput, input and weight.
    /// </summary>
    /// <param name="dInput">[N, C]; may be dOutput when not accumulating.</param>
    /// <param name="dWeight">[C] Float32, added to; absent when the weight is frozen.</param>
    /// <param name="dOutput">[N, C].</param>
    /// <param name="input">[N, C], of the forward pass.</param>
    /// <param name="weight">[C].</param>
    /// <param name="inverseRms">[N] Float32, of the forward pass.</param>
    /// <param name="accumulate">Add to dInput instead of overwriting it.</param>
    public void RmsNormBackward(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate = false)
    {
        var storage = Require.Storage(this, input);
        Require.Shape(dOutput, input.Rows, input.Columns, storage);
        Require.Shape(dInput, input.Rows, input.Columns, storage);
        Require.OptionalVector(dWeight, input.Columns);
        Require.Vector(weight, input.Columns, storage);
        Require.Vector(inverseRms, input.Rows);
        RmsNormBackwardCore(dInput, dWeight, dOutput, input, weight, inverseRms, accumulate);
    }

    /// <inheritdoc cref="RmsNormForward"/>
    protected abstract void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon);

    /// <inheritdoc cref="RmsNormBackward"/>
    protected abstract void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate);
}
