using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Linear layers: output = input * weight^T + bias; dInput (+)= dOutput * weight; dWeight += dOutput^T * input; dBias += the sum of the rows of dOutput.
// output, dOutput [N, O], input, dInput [N, C], weight [O, C], bias [O] in storage (the output also as floats); dWeight [O, C] and dBias [O] are floats that are added to.
// dWeight continues the chain of its old value over the rows, so chunks of rows add up as the whole does. Where to read first: IlgpuBackend.Products.cs.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias) =>
        MultiplyForward(output, input, weight, bias, AllRows(output.Rows), nameof(LinearForward));

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate)
    {
        if (weight.Type == ElementType.BFloat16)
            MultiplyBackwardInput<StoredBFloat16, StoredBFloat16>(dInput, dOutput, weight, accumulate, AllRows(dInput.Rows), nameof(LinearBackwardInput));
        else
            MultiplyBackwardInput<StoredFloat32, StoredFloat32>(dInput, dOutput, weight, accumulate, AllRows(dInput.Rows), nameof(LinearBackwardInput));
    }

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input)
    {
        if (input.Type == ElementType.BFloat16)
            MultiplyBackwardWeight<StoredBFloat16, StoredBFloat16>(dWeight, dOutput, input, AllRows(input.Rows), nameof(LinearBackwardWeight));
        else
            MultiplyBackwardWeight<StoredFloat32, StoredFloat32>(dWeight, dOutput, input, AllRows(input.Rows), nameof(LinearBackwardWeight));
    }

    /// <inheritdoc/>
    protected override void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput)
    {
        if (dOutput.Type == ElementType.BFloat16)
            AddColumnSums(dBias, new ElementTerm<StoredBFloat16>(Of<StoredBFloat16>(dOutput)), dOutput.Rows);
        else
            AddColumnSums(dBias, new ElementTerm<StoredFloat32>(Of<StoredFloat32>(dOutput)), dOutput.Rows);
    }

    private void MultiplyForward(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias, RowCount rows, string operation)
    {
        var depth = AllRows(input.Columns);
        if (weight.Type == ElementType.Float32)
            Multiply<StoredFloat32, StoredFloat32, StoredFloat32>(output, RowsOf<StoredFloat32>(input), RowsOf<StoredFloat32>(weight), bias, false, rows, depth, operation);
        else if (output.Type == ElementType.Float32)
            Multiply<StoredBFloat16, StoredBFloat16, StoredFloat32>(output, RowsOf<StoredBFloat16>(input), RowsOf<StoredBFloat16>(weight), bias, false, rows, depth, operation);
        else
            Multiply<StoredBFloat16, StoredBFloat16, StoredBFloat16>(output, RowsOf<StoredBFloat16>(input), RowsOf<StoredBFloat16>(weight), bias, false, rows, depth, operation);
    }

    private void MultiplyBackwardInput<TGradient, TStored>(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate, RowCount rows, string operation)
        where TGradient : unmanaged, IStored<TGradient>
        where TStored : unmanaged, IStored<TStored> =>
        Multiply<TGradient, TStored, TStored>(dInput, RowsOf<TGradient>(dOutput), ColumnsOf<TStored>(weight), default, accumulate, rows, AllRows(dOutput.Columns), operation);

    private void MultiplyBackwardWeight<TGradient, TStored>(DeviceView dWeight, DeviceView dOutput, DeviceView input, RowCount rows, string operation)
        where TGradient : unmanaged, IStored<TGradient>
        where TStored : unmanaged, IStored<TStored> =>
        Multiply<TGradient, TStored, StoredFloat32>(dWeight, ColumnsOf<TGradient>(dOutput), ColumnsOf<TStored>(input), default, true, AllRows(dWeight.Rows), rows, operation);
}
