using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Linear layers: three matrix products and a sum of rows. Bound by operations (2*N*C*O each); with few rows by the bytes of the weight.
// Where to read first: MatrixMultiply, which also says why an element's bits depend on its row and column alone.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias)
    {
        var product = MatrixProduct.NormalTransposed(
            Floats(output), (nint)output.Stride, Floats(input), (nint)input.Stride, Floats(weight), (nint)weight.Stride, Size(output.Rows), Size(output.Columns), Size(input.Columns));
        product.Bias = Floats(bias);
        MatrixMultiply.Multiply(_path, _pool, product);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate) =>
        MatrixMultiply.Multiply(_path, _pool, MatrixProduct.NormalNormal(
            Floats(dInput), (nint)dInput.Stride, Floats(dOutput), (nint)dOutput.Stride, Floats(weight), (nint)weight.Stride,
            Size(dInput.Rows), Size(dInput.Columns), Size(dOutput.Columns), accumulate));

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input) =>
        MatrixMultiply.Multiply(_path, _pool, MatrixProduct.TransposedNormal(
            Floats(dWeight), (nint)dWeight.Stride, Floats(dOutput), (nint)dOutput.Stride, Floats(input), (nint)input.Stride,
            Size(dWeight.Rows), Size(dWeight.Columns), Size(dOutput.Rows), accumulate: true));

    /// <inheritdoc/>
    protected override void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput) =>
        ColumnSumLoop.Run(_path, _pool, Floats(dBias), new RowItself(dOutput), dOutput.Rows, dOutput.Columns);

    /// <summary>The first element of a Float32 view; null when it is absent.</summary>
    private static float* Floats(DeviceView view) => (float*)view.Address;

    private static int Size(long size) => checked((int)size);

    /// <summary>The row itself: a plain sum of rows.</summary>
    private readonly struct RowItself(DeviceView rows) : IColumnTerm
    {
        private readonly RowCursor _rows = new(rows);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint row, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes => TSimd.Add(sum, lanes.Load<TSimd, TVector>(_rows.At(row) + column));
    }
}
