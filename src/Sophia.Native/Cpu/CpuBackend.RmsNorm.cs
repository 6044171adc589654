using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Root-mean-square norm. Bound by bytes: a row is read from memory once (its second reading comes from the first-level cache) and written once.
// Where to read first: RmsNormForwardRow; the order of a row's sum is in RowSum, that of the sum over rows in ColumnSumLoop.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon)
    {
        var (y, x) = (Stage(output), Widen(input));
        RowLoop.Run(_path, _pool, new RmsNormForwardRow(y, inverseRms, x, Widen(weight), epsilon), x.Rows, x.Columns);
        Settle(output, y);
    }

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate)
    {
        var (dx, dy, x) = (accumulate ? Widen(dInput) : Stage(dInput), Widen(dOutput), Widen(input));
        // The weight comes first: dInput may overwrite dOutput.
        if (!dWeight.IsAbsent)
            ColumnSumLoop.Run(_path, _pool, Floats(dWeight), new RmsNormWeightTerm(dy, x, inverseRms), x.Rows, x.Columns);
        RowLoop.Run(_path, _pool, new RmsNormBackwardRow(dx, dy, x, Widen(weight), inverseRms, accumulate), x.Rows, x.Columns);
        Settle(dInput, dx);
    }

    private readonly struct RmsNormForwardRow(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon) : IRowOperator
    {
        private readonly RowCursor _output = new(output);
        private readonly RowCursor _input = new(input);
        private readonly float* _inverseRms = Floats(inverseRms);
        private readonly float* _weight = Floats(weight);
        private readonly nint _columns = (nint)input.Columns;
        private readonly float _epsilon = epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var input = _input.At(row);
            var meanSquare = RowSum.Of<ProductTerm, TSimd, TVector>(new ProductTerm(input, input), _columns) / _columns;
            var inverseRms = 1f / MathF.Sqrt(meanSquare + _epsilon);
            if (_inverseRms != null)
                _inverseRms[row] = inverseRms;
            var scaled = new RmsNormForwardVector(_output.At(row), input, _weight, inverseRms);
            ElementwiseLoop.RunRow<RmsNormForwardVector, TSimd, TVector>(ref scaled, 0, _columns);
        }
    }

    private readonly struct RmsNormForwardVector(float* output, float* input, float* weight, float inverseRms) : IVectorOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var normalized = TSimd.Multiply(lanes.Load<TSimd, TVector>(input + column), TSimd.Create(inverseRms));
            lanes.Store<TSimd, TVector>(output + column, TSimd.Multiply(lanes.Load<TSimd, TVector>(weight + column), normalized));
        }
    }

    private readonly struct RmsNormBackwardRow(DeviceView dInput, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate) : IRowOperator
    {
        private readonly RowCursor _dInput = new(dInput);
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly RowCursor _input = new(input);
        private readonly float* _weight = Floats(weight);
        private readonly float* _inverseRms = Floats(inverseRms);
        private readonly nint _columns = (nint)input.Columns;
        private readonly bool _accumulate = accumulate;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var dOutput = _dOutput.At(row);
            var input = _input.At(row);
            var inverseRms = _inverseRms[row];
            var mean = RowSum.Of<WeightedProductTerm, TSimd, TVector>(new WeightedProductTerm(dOutput, _weight, input), _columns) / _columns;
            var backward = new RmsNormBackwardVector(_dInput.At(row), dOutput, input, _weight, inverseRms, inverseRms * inverseRms * inverseRms * mean, _accumulate);
            ElementwiseLoop.RunRow<RmsNormBackwardVector, TSimd, TVector>(ref backward, 0, _columns);
        }
    }

    private readonly struct RmsNormBackwardVector(float* dInput, float* dOutput, float* input, float* weight, float inverseRms, float slope, bool accumulate) : IVectorOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var weighted = TSimd.Multiply(lanes.Load<TSimd, TVector>(dOutput + column), lanes.Load<TSimd, TVector>(weight + column));
            var gradient = TSimd.FusedNegatedMultiplyAdd(lanes.Load<TSimd, TVector>(input + column), TSimd.Create(slope), TSimd.Multiply(weighted, TSimd.Create(inverseRms)));
            if (accumulate)
                gradient = TSimd.Add(lanes.Load<TSimd, TVector>(dInput + column), gradient);
            lanes.Store<TSimd, TVector>(dInput + column, gradient);
        }
    }

    private readonly struct RmsNormWeightTerm(DeviceView dOutput, DeviceView input, DeviceView inverseRms) : IColumnTerm
    {
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly RowCursor _input = new(input);
        private readonly float* _inverseRms = Floats(inverseRms);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint row, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var normalized = TSimd.Multiply(lanes.Load<TSimd, TVector>(_input.At(row) + column), TSimd.Create(_inverseRms[row]));
            return TSimd.FusedMultiplyAdd(lanes.Load<TSimd, TVector>(_dOutput.At(row) + column), normalized, sum);
        }
    }

    /// <summary>left * right.</summary>
    private readonly struct ProductTerm(float* left, float* right) : IRowTerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes =>
            TSimd.FusedMultiplyAdd(lanes.Load<TSimd, TVector>(left + column), lanes.Load<TSimd, TVector>(right + column), sum);
    }

    /// <summary>values * weight * other.</summary>
    private readonly struct WeightedProductTerm(float* values, float* weight, float* other) : IRowTerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Add<TSimd, TVector, TLanes>(TVector sum, nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var weighted = TSimd.Multiply(lanes.Load<TSimd, TVector>(values + column), lanes.Load<TSimd, TVector>(weight + column));
            return TSimd.FusedMultiplyAdd(weighted, lanes.Load<TSimd, TVector>(other + column), sum);
        }
    }
}
