namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// Layer norm of every row: s = 1 / sqrt(variance(x) + epsilon), y = weight * ((x - mean(x)) * s) + bias, the variance about the mean and divided by C.
    /// Bound by bytes: one read of the input, one write of the output.
    /// Storage: output, input, weight and bias; statistics stay fp32.
    /// </summary>
    /// <param name="output">[N, C]; may be the input.</param>
    /// <param name="mean">[N] Float32, saved for the backward pass, or absent.</param>
    /// <param name="inverseDeviation">[N] Float32, saved for the backward pass, or absent.</param>
    /// <param name="input">[N, C].</param>
    /// <param name="weight">[C].</param>
    /// <param name="bias">[C].</param>
    /// <param name="epsilon">Added to the variance.</param>
    public void LayerNormForward(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon)
    {
        var storage = Require.Storage(this, input);
        Require.Shape(output, input.Rows, input.Columns, storage);
        Require.OptionalVector(mean, input.Rows);
        Require.OptionalVector(inverseDeviation, input.Rows);
        Require.Vector(weight, input.Columns, storage);
        Require.Vector(bias, input.Columns, storage);
        LayerNormForwardCore(output, mean, inverseDeviation, input, weight, bias, epsilon);
    }

    /// <summary>
    /// With h = (x - mean) * s and g = dOutput * weight: dInput (+)= s * (g - mean(g) - h * mean(g * h)); dWeight += sum of dOutput * h; dBias += sum of dOutput.
    /// Storage: dInput, dOutput, input and weight.
    /// </summary>
    /// <param name="dInput">[N, C]; may be dOutput when not accumulating.</param>
    /// <param name="dWeight">[C] Float32, added to; absent when frozen.</param>
    /// <param name="dBias">[C] Float32, added to; absent when frozen.</param>
    /// <param name="dOutput">[N, C].</param>
    /// <param name="input">[N, C], of the forward pass.</param>
    /// <param name="weight">[C].</param>
    /// <param name="mean">[N] Float32, of the forward pass.</param>
    /// <param name="inverseDeviation">[N] Float32, of the forward pass.</param>
    /// <param name="accumulate">Add to dInput instead of overwriting it.</param>
    public void LayerNormBackward(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight,
        DeviceView mean, DeviceView inverseDeviation, bool accumulate = false)
    {
        var storage = Require.Storage(this, input);
        Require.Shape(dOutput, input.Rows, input.Columns, storage);
        Require.Shape(dInput, input.Rows, input.Columns, storage);
        Require.OptionalVector(dWeight, input.Columns);
        Require.OptionalVector(dBias, input.Columns);
        Require.Vector(weight, input.Columns, storage);
        Require.Vector(mean, input.Rows);
        Require.Vector(inverseDeviation, input.Rows);
        LayerNormBackwardCore(dInput, dWeight, dBias, dOutput, input, weight, mean, inverseDeviation, accumulate);
    }

    /// <inheritdoc cref="LayerNormForward"/>
    protected abstract void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon);

    /// <inheritdoc cref="LayerNormBackward"/>
    protected abstract void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight,
        DeviceView mean, DeviceView inverseDeviation, bool accumulate);
}
