using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Linear layers: three matrix products and a sum of rows. Bound by operations (2*N*C*O each); with few rows by the bytes of the weight.
// Where to read first: MatrixMultiply, which also says why an element's bits depend on its row and column alone.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias)
    {
        var (y, x) = (Stage(output), Widen(input));
        var product = MatrixProduct.NormalTransposed(
            Floats(y), (nint)y.Stride, Floats(x), (nint)x.Stride, null, (nint)weight.Stride, Size(y.Rows), Size(y.Columns), Size(x.Columns)).With(weight);
        product.Bias = Floats(Widen(bias));
        MatrixMultiply.Multiply(_path, _pool, product);
        Settle(output, y);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate)
    {
        var (dx, dy) = (accumulate ? Widen(dInput) : Stage(dInput), Widen(dOutput));
        MatrixMultiply.Multiply(_path, _pool, MatrixProduct.NormalNormal(
            Floats(dx), (nint)dx.Stride, Floats(dy), (nint)dy.Stride, null, (nint)weight.Stride, Size(dx.Rows), Size(dx.Columns), Size(dy.Columns), accumulate).With(weight));
        Settle(dInput, dx);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input)
    {
        var (dy, x) = (Widen(dOutput), Widen(input));
        MatrixMultiply.Multiply(_path, _pool, MatrixProduct.TransposedNormal(
            Floats(dWeight), (nint)dWeight.Stride, Floats(dy), (nint)dy.Stride, Floats(x), (nint)x.Stride, Size(dWeight.Rows), Size(dWeight.Columns), Size(dy.Rows), accumulate: true));
        Settle();
    }

    /// <inheritdoc/>
    protected override void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput)
    {
        ColumnSumLoop.Run(_path, _pool, Floats(dBias), new RowItself(Widen(dOutput)), dOutput.Rows, dOutput.Columns);
        Settle();
    }

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
