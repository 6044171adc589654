using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Layer norm of rows: s = 1 / sqrt(variance(x) + epsilon), h = (x - mean(x)) * s, y = weight * h + bias; with g = dOutput * weight: dInput (+)= s * (g - mean(g) - h * mean(g * h)); dWeight += sum of dOutput * h;
// dBias += sum of dOutput. output, input, dOutput, dInput [N, C], weight, bias [C] in storage; mean, s [N], dWeight, dBias [C] floats. Bound by bytes, as RmsNorm is. Where to read first: LayerNormForwardRow.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon)
    {
        if (input.Type == ElementType.BFloat16)
            ForRows(new LayerNormForwardRow<StoredBFloat16>(Of<StoredBFloat16>(output), Optional(mean), Optional(inverseDeviation), Of<StoredBFloat16>(input), Of<StoredBFloat16>(weight), Of<StoredBFloat16>(bias),
                (int)input.Columns, epsilon), input.Rows);
        else
            ForRows(new LayerNormForwardRow<StoredFloat32>(Of<StoredFloat32>(output), Optional(mean), Optional(inverseDeviation), Of<StoredFloat32>(input), Of<StoredFloat32>(weight), Of<StoredFloat32>(bias),
                (int)input.Columns, epsilon), input.Rows);
    }

    /// <inheritdoc/>
    protected override void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView mean, DeviceView inverseDeviation,
        bool accumulate)
    {
        if (input.Type == ElementType.BFloat16)
            LayerNormBackward<StoredBFloat16>(dInput, dWeight, dBias, dOutput, input, weight, mean, inverseDeviation, accumulate);
        else
            LayerNormBackward<StoredFloat32>(dInput, dWeight, dBias, dOutput, input, weight, mean, inverseDeviation, accumulate);
    }

    private void LayerNormBackward<TStored>(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView mean, DeviceView inverseDeviation,
        bool accumulate)
        where TStored : unmanaged, IStored<TStored>
    {
        // The sums over rows first: dInput may lie where dOutput lies.
        AddColumnSums(dWeight, new LayerNormWeightTerm<TStored>(Of<TStored>(dOutput), Of<TStored>(input), Of<StoredFloat32>(mean), Of<StoredFloat32>(inverseDeviation)), input.Rows, nameof(LayerNormBackward));
        AddColumnSums(dBias, new ElementTerm<TStored>(Of<TStored>(dOutput)), input.Rows, nameof(LayerNormBackward));
        ForRows(new LayerNormBackwardRow<TStored>(Of<TStored>(dInput), Of<TStored>(dOutput), Of<TStored>(input), Of<TStored>(weight), Of<StoredFloat32>(mean), Of<StoredFloat32>(inverseDeviation),
            (int)input.Columns, accumulate ? 1 : 0), input.Rows, nameof(LayerNormBackward));
    }

    internal readonly struct LayerNormForwardRow<TStored>(Matrix<TStored> output, OptionalVector mean, OptionalVector inverseDeviation, Matrix<TStored> input, Matrix<TStored> weight, Matrix<TStored> bias,
        int columns, float epsilon) : IRowOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly OptionalVector _mean = mean;
        private readonly OptionalVector _inverseDeviation = inverseDeviation;
        private readonly Matrix<TStored> _input = input;
        private readonly Matrix<TStored> _weight = weight;
        private readonly Matrix<TStored> _bias = bias;
        private readonly int _columns = columns;
        private readonly float _epsilon = epsilon;

        public void Apply<TTeam>(long row, int lane)
            where TTeam : unmanaged, ITeam
        {
            var mean = RowSum.Of<TTeam, RowElementTerm<TStored>>(new(_input, row), lane, _columns) / _columns;
            var variance = RowSum.Of<TTeam, SquaredDeviationTerm<TStored>>(new(_input, mean, row), lane, _columns) / _columns;
            var inverse = 1f / MathF.Sqrt(variance + _epsilon);
            if (lane == 0)
            {
                _mean.Write(row, mean);
                _inverseDeviation.Write(row, inverse);
            }
            for (var column = lane; column < _columns; column += TTeam.Size)
                _output.Write(row, column, MathF.FusedMultiplyAdd(_weight.Read(column), (_input.Read(row, column) - mean) * inverse, _bias.Read(column)));
        }
    }

    internal readonly struct LayerNormBackwardRow<TStored>(Matrix<TStored> dInput, Matrix<TStored> dOutput, Matrix<TStored> input, Matrix<TStored> weight, Matrix<StoredFloat32> mean,
        Matrix<StoredFloat32> inverseDeviation, int columns, int accumulates) : IRowOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dInput = dInput;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _input = input;
        private readonly Matrix<TStored> _weight = weight;
        private readonly Matrix<StoredFloat32> _mean = mean;
        private readonly Matrix<StoredFloat32> _inverseDeviation = inverseDeviation;
        private readonly int _columns = columns;
        private readonly int _accumulates = accumulates;

        public void Apply<TTeam>(long row, int lane)
            where TTeam : unmanaged, ITeam
        {
            var mean = _mean.Read(row);
            var inverse = _inverseDeviation.Read(row);
            var meanGradient = RowSum.Of<TTeam, WeightedTerm<TStored>>(new(_dOutput, _weight, row), lane, _columns) / _columns;
            var meanProduct = RowSum.Of<TTeam, LayerNormProductTerm<TStored>>(new(_dOutput, _weight, _input, mean, inverse, row), lane, _columns) / _columns;
            for (var column = lane; column < _columns; column += TTeam.Size)
            {
                var normalized = (_input.Read(row, column) - mean) * inverse;
                var weighted = _dOutput.Read(row, column) * _weight.Read(column);
                var gradient = inverse * MathF.FusedMultiplyAdd(-normalized, meanProduct, weighted - meanGradient);
                _dInput.Write(row, column, _accumulates != 0 ? _dInput.Read(row, column) + gradient : gradient);
            }
        }
    }

    internal readonly struct LayerNormWeightTerm<TStored>(Matrix<TStored> dOutput, Matrix<TStored> input, Matrix<StoredFloat32> mean, Matrix<StoredFloat32> inverseDeviation) : IColumnTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _input = input;
        private readonly Matrix<StoredFloat32> _mean = mean;
        private readonly Matrix<StoredFloat32> _inverseDeviation = inverseDeviation;

        public float Add(float sum, long row, int column) =>
            MathF.FusedMultiplyAdd(_dOutput.Read(row, column), (_input.Read(row, column) - _mean.Read(row)) * _inverseDeviation.Read(row), sum);
    }

    /// <summary>The element itself.</summary>
    internal readonly struct RowElementTerm<TStored>(Matrix<TStored> values, long row) : IRowTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _values = values;
        private readonly long _row = row;

        public float Add(float sum, int column) => sum + _values.Read(_row, column);
    }

    /// <summary>(value - mean)^2.</summary>
    internal readonly struct SquaredDeviationTerm<TStored>(Matrix<TStored> values, float mean, long row) : IRowTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _values = values;
        private readonly float _mean = mean;
        private readonly long _row = row;

        public float Add(float sum, int column)
        {
            var deviation = _values.Read(_row, column) - _mean;
            return MathF.FusedMultiplyAdd(deviation, deviation, sum);
        }
    }

    /// <summary>value * weight.</summary>
    internal readonly struct WeightedTerm<TStored>(Matrix<TStored> values, Matrix<TStored> weight, long row) : IRowTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _values = values;
        private readonly Matrix<TStored> _weight = weight;
        private readonly long _row = row;

        public float Add(float sum, int column) => MathF.FusedMultiplyAdd(_values.Read(_row, column), _weight.Read(column), sum);
    }

    /// <summary>dOutput * weight * normalized input.</summary>
    internal readonly struct LayerNormProductTerm<TStored>(Matrix<TStored> dOutput, Matrix<TStored> weight, Matrix<TStored> input, float mean, float inverseDeviation, long row) : IRowTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _weight = weight;
        private readonly Matrix<TStored> _input = input;
        private readonly float _mean = mean;
        private readonly float _inverseDeviation = inverseDeviation;
        private readonly long _row = row;

        public float Add(float sum, int column) =>
            MathF.FusedMultiplyAdd(_dOutput.Read(_row, column) * _weight.Read(column), (_input.Read(_row, column) - _mean) * _inverseDeviation, sum);
    }
}
