using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Layer norm. Bound by bytes: a row is read from memory once (mean, variance and output take it from the first-level cache) and written once.
// Where to read first: CpuBackend.RmsNorm.cs, the same without a mean.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon)
    {
        var (y, x) = (Stage(output), Widen(input));
        RowLoop.Run(_path, _pool, new LayerNormForwardRow(y, mean, inverseDeviation, x, Widen(weight), Widen(bias), epsilon), x.Rows, x.Columns);
        Settle(output, y);
    }

    /// <inheritdoc/>
    protected override void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight,
        DeviceView mean, DeviceView inverseDeviation, bool accumulate)
    {
        var (dx, dy, x) = (accumulate ? Widen(dInput) : Stage(dInput), Widen(dOutput), Widen(input));
        // The parameters come first: dInput may overwrite dOutput.
        if (!dWeight.IsAbsent)
            ColumnSumLoop.Run(_path, _pool, Floats(dWeight), new LayerNormWeightTerm(dy, x, mean, inverseDeviation), x.Rows, x.Columns);
        if (!dBias.IsAbsent)
            ColumnSumLoop.Run(_path, _pool, Floats(dBias), new RowItself(dy), x.Rows, x.Columns);
        RowLoop.Run(_path, _pool, new LayerNormBackwardRow(dx, dy, x, Widen(weight), mean, inverseDeviation, accumulate), x.Rows, x.Columns);
        Settle(dInput, dx);
    }

    private readonly struct LayerNormForwardRow(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon) : IRowOperator
    {
        private readonly RowCursor _output = new(output);
        private readonly RowCursor _input = new(input);
        private readonly float* _mean = Floats(mean);
        private readonly float* _inverseDeviation = Floats(inverseDeviation);
        private readonly float* _weight = Floats(weight);
        private readonly float* _bias = Floats(bias);
        private readonly nint _columns = (nint)input.Columns;
        private readonly float _epsilon = epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var input = _input.At(row);
            var mean = RowSum.Of<ElementTerm, TSimd, TVector>(new ElementTerm(input), _columns) / _columns;
            var variance = RowSum.Of<SquaredDeviationTerm, TSimd, TVector>(new SquaredDeviationTerm(input, mean), _columns) / _columns;
            var inverseDeviation = 1f / MathF.Sqrt(variance + _epsilon);
            if (_mean != null)
                _mean[row] = mean;
            if (_inverseDeviation != null)
                _inverseDeviation[row] = inverseDeviation;
            var scaled = new LayerNormForwardVector(_output.At(row), input, _weight, _bias, mean, inverseDeviation);
            ElementwiseLoop.RunRow<LayerNormForwardVector, TSimd, TVector>(ref scaled, 0, _columns);
        }
    }

    private readonly struct LayerNormForwardVector(float* output, float* input, float* weight, float* bias, float mean, float inverseDeviation) : IVectorOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var normalized = TSimd.Multiply(TSimd.Subtract(lanes.Load<TSimd, TVector>(input + column), TSimd.Create(mean)), TSimd.Create(inverseDeviation));
            lanes.Store<TSimd, TVector>(output + column,
                TSimd.FusedMultiplyAdd(lanes.Load<TSimd, TVector>(weight + column), normalized, lanes.Load<TSimd, TVector>(bias + column)));
        }
    }

    private readonly struct LayerNormBackwardRow(DeviceView dInput, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView mean, DeviceView inverseDeviation, bool accumulate) : IRowOperator
    {
        private readonly RowCursor _dInput = new(dInput);
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly RowCursor _input = new(input);
        private readonly float* _weight = Floats(weight);
        private readonly float* _mean = Floats(mean);
        private readonly float* _inverseDeviation = Floats(inverseDeviation);
        private readonly nint _columns = (nint)input.Columns;
        private readonly bool _accumulate = accumulate;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var dOutput = _dOutput.At(row);
            var input = _input.At(row);
            var mean = _mean[row];
            var inverseDeviation = _inverseDeviation[row];
            var meanGradient = RowSum.Of<ProductTerm, TSimd, TVector>(new ProductTerm(dOutput, _weight), _columns) / _columns;
            var meanProduct = RowSum.Of<LayerNormProductTerm, TSimd, TVector>(new LayerNormProductTerm(dOutput, _weight, input, mean, inverseDeviation), _columns) / _columns;
            var backward = new LayerNormBackwardVector(_dInput.At(row), dOutput, input, _weight, mean, inverseDeviation, meanGradient, meanProduct, _accumulate);
            ElementwiseLoop.RunRow<LayerNormBackwardVector, TSimd, TVector>(ref backward, 0, _columns);
        }
    }

    private readonly struct LayerNormBackwardVector(float* dInput, float* dOutput, float* input, float* weight, float mean, float inverseDeviation, float meanGradient, float meanProduct, bool accumulate) : IVectorOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var scale = TSimd.Create(inverseDeviation);
            var normalized = TSimd.Multiply(TSimd.Subtract(lanes.Load<TSimd, TVector>(input + column), TSimd.Create(mean)), scale);
            var weighted = TSimd.Multiply(lanes.Load<TSimd, TVector>(dOutput + column), lanes.Load<TSimd, TVector>(weight + column));
            var centered = TSimd.FusedNegatedMultiplyAdd(normalized, TSimd.Create(meanProduct), TSimd.Subtract(weighted, TSimd.Create(meanGradient)));
            var gradient = TSimd.Multiply(scale, centered);
            if (accumulate)
                gradient = TSimd.Add(lanes.Load<TSimd, TVector>(dInput + column), gradient);
            lanes.Store<TSimd, TVector>(dInput + column, gradient);
        }
    }

    private readonly struct LayerNormWeightTerm(DeviceView dOutput, DeviceView input, DeviceView mean, DeviceView inverseDeviation) : IColumnTerm
    {
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly RowCursor _input = new(input);
        private readonly float* _mean = Floats(mean);
        private readonly float* _inverseDeviation = Floats(inverseDeviation);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint row, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var centered = TSimd.Subtract(lanes.Load<TSimd, TVector>(_input.At(row) + column), TSimd.Create(_mean[row]));
            return TSimd.FusedMultiplyAdd(lanes.Load<TSimd, TVector>(_dOutput.At(row) + column), TSimd.Multiply(centered, TSimd.Create(_inverseDeviation[row])), sum);
        }
    }

    /// <summary>The element itself.</summary>
    private readonly struct ElementTerm(float* values) : IRowTerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes => TSimd.Add(sum, lanes.Load<TSimd, TVector>(values + column));
    }

    /// <summary>(value - mean)^2.</summary>
    private readonly struct SquaredDeviationTerm(float* values, float mean) : IRowTerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var deviation = TSimd.Subtract(lanes.Load<TSimd, TVector>(values + column), lanes.Broadcast<TSimd, TVector>(mean));
            return TSimd.FusedMultiplyAdd(deviation, deviation, sum);
        }
    }

    /// <summary>dOutput * weight * normalized input; lanes without elements add zero because dOutput is zero there.</summary>
    private readonly struct LayerNormProductTerm(float* dOutput, float* weight, float* input, float mean, float inverseDeviation) : IRowTerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var weighted = TSimd.Multiply(lanes.Load<TSimd, TVector>(dOutput + column), lanes.Load<TSimd, TVector>(weight + column));
            var normalized = TSimd.Multiply(TSimd.Subtract(lanes.Load<TSimd, TVector>(input + column), TSimd.Create(mean)), TSimd.Create(inverseDeviation));
            return TSimd.FusedMultiplyAdd(weighted, normalized, sum);
        }
    }
}
