namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// output = input * weight^T + bias. Element (n, o) is the chain acc = 0; acc = fma(input[n, c], weight[o, c], acc) for c = 0..C-1, then + bias[o].
    /// Bound by 2*N*C*O operations, or for few rows by the bytes of the weight.
    /// </summary>
    /// <param name="output">[N, O], overwritten.</param>
    /// <param name="input">[N, C].</param>
    /// <param name="weight">[O, C].</param>
    /// <param name="bias">[O], or absent.</param>
    public void LinearForward(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias = default)
    {
        Require.Matrix(weight);
        Require.Shape(input, input.Rows, weight.Columns);
        Require.Shape(output, input.Rows, weight.Rows);
        Require.OptionalVector(bias, weight.Rows);
        LinearForwardCore(output, input, weight, bias);
    }

    /// <summary>dInput = dOutput * weight, or dInput += dOutput * weight.</summary>
    /// <param name="dInput">[N, C].</param>
    /// <param name="dOutput">[N, O].</param>
    /// <param name="weight">[O, C].</param>
    /// <param name="accumulate">Add to dInput instead of overwriting it.</param>
    public void LinearBackwardInput(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate = false)
    {
        Require.Matrix(weight);
        Require.Shape(dOutput, dOutput.Rows, weight.Rows);
        Require.Shape(dInput, dOutput.Rows, weight.Columns);
        LinearBackwardInputCore(dInput, dOutput, weight, accumulate);
    }

    /// <summary>dWeight += dOutput^T * input, the sum over rows in their order.</summary>
    /// <param name="dWeight">[O, C], added to.</param>
    /// <param name="dOutput">[N, O].</param>
    /// <param name="input">[N, C].</param>
    public void LinearBackwardWeight(DeviceView dWeight, DeviceView dOutput, DeviceView input)
    {
        Require.Matrix(dOutput);
        Require.Shape(input, dOutput.Rows, input.Columns);
        Require.Shape(dWeight, dOutput.Columns, input.Columns);
        LinearBackwardWeightCore(dWeight, dOutput, input);
    }

    /// <summary>dBias += the sum of the rows of dOutput, in their order.</summary>
    /// <param name="dBias">[O], added to.</param>
    /// <param name="dOutput">[N, O].</param>
    public void LinearBackwardBias(DeviceView dBias, DeviceView dOutput)
    {
        Require.Matrix(dOutput);
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
