namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// output = input * weight^T + bias. Element (n, o) is the chain acc = 0; acc = fma(input[n, c], weight[o, c], acc) for c = 0..C-1, then + bias[o].
    /// Bound by 2*N*C*O operations, or for few rows by the bytes of the weight.
    /// Storage: input, weight and bias, and the output unless it is Float32 (logits to sample from). The order of the sum is the law of fp32 storage; with BFloat16 a backend may
    /// take the products in fixed blocks of c counted from 0, the same for any number of rows.
    /// </summary>
    /// <param name="output">[N, O], overwritten; of the type of the input, or Float32.</param>
    /// <param name="input">[N, C].</param>
    /// <param name="weight">[O, C].</param>
    /// <param name="bias">[O], or absent.</param>
    public void LinearForward(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias = default)
    {
        var storage = Require.Storage(this, weight);
        Require.Shape(input, input.Rows, weight.Columns, storage);
        Require.Shape(output, input.Rows, weight.Rows, output.Type == ElementType.Float32 ? ElementType.Float32 : storage);
        Require.OptionalVector(bias, weight.Rows, storage);
        LinearForwardCore(output, input, weight, bias);
    }

    /// <summary>dInput = dOutput * weight, or dInput += dOutput * weight. Storage: all arguments.</summary>
    /// <param name="dInput">[N, C].</param>
    /// <param name="dOutput">[N, O].</param>
    /// <param name="weight">[O, C].</param>
    /// <param name="accumulate">Add to dInput instead of overwriting it.</param>
    public void LinearBackwardInput(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate = false)
    {
        var storage = Require.Storage(this, weight);
        Require.Shape(dOutput, dOutput.Rows, weight.Rows, storage);
        Require.Shape(dInput, dOutput.Rows, weight.Columns, storage);
        LinearBackwardInputCore(dInput, dOutput, weight, accumulate);
    }

    /// <summary>dWeight += dOutput^T * input, the sum over rows in their order. Storage: dOutput and input.</summary>
    /// <param name="dWeight">[O, C] Float32, added to.</param>
    /// <param name="dOutput">[N, O].</param>
    /// <param name="input">[N, C].</param>
    public void LinearBackwardWeight(DeviceView dWeight, DeviceView dOutput, DeviceView input)
    {
        var storage = Require.Storage(this, dOutput);
        Require.Shape(input, dOutput.Rows, input.Columns, storage);
        Require.Shape(dWeight, dOutput.Columns, input.Columns);
        LinearBackwardWeightCore(dWeight, dOutput, input);
    }

    /// <summary>dBias += the sum of the rows of dOutput, in their order. Storage: dOutput.</summary>
    /// <param name="dBias">[O] Float32, added to.</param>
    /// <param name="dOutput">[N, O].</param>
    public void LinearBackwardBias(DeviceView dBias, DeviceView dOutput)
    {
        Require.Storage(this, dOutput);
        Require.Vector(dBias, dOutput.Columns);
        LinearBackwardBiasCore(dBias, dOutput);
    }

    /// <inheritdoc cref="LinearForward"/>
    protected abstract void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias);

    /// <inheritdoc cref="LinearBackwardInput"/>
    protected abstract void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate);

    /// <inheritdoc cref="LinearBackwardWeight"/>
    protected abstract void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input);

    /// <inheritdoc cref="LinearBackwardBias"/>
    protected abstract void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput);
}
