using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Root-mean-square norm of rows: r = 1 / sqrt(mean(x^2) + epsilon), y = weight * (x * r); with g = dOutput * weight: dInput (+)= r * g - x * r^3 * mean(g * x); dWeight += sum over rows of dOutput * x * r.
// output, input, dOutput, dInput [N, C], weight [C] in storage; r [N] and dWeight [C] floats. Bound by bytes: 2*N*C elements forward, 3*N*C backward and as many again for dWeight. Where to read first: RmsNormForwardRow.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon)
    {
        if (input.Type == ElementType.BFloat16)
            ForRows(new RmsNormForwardRow<StoredBFloat16>(Of<StoredBFloat16>(output), Optional(inverseRms), Of<StoredBFloat16>(input), Of<StoredBFloat16>(weight), (int)input.Columns, epsilon), input.Rows);
        else
            ForRows(new RmsNormForwardRow<StoredFloat32>(Of<StoredFloat32>(output), Optional(inverseRms), Of<StoredFloat32>(input), Of<StoredFloat32>(weight), (int)input.Columns, epsilon), input.Rows);
    }

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate)
    {
        if (input.Type == ElementType.BFloat16)
            RmsNormBackward<StoredBFloat16>(dInput, dWeight, dOutput, input, weight, inverseRms, accumulate);
        else
            RmsNormBackward<StoredFloat32>(dInput, dWeight, dOutput, input, weight, inverseRms, accumulate);
    }

    private void RmsNormBackward<TStored>(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate)
        where TStored : unmanaged, IStored<TStored>
    {
        // dWeight first: dInput may lie where dOutput lies.
        AddColumnSums(dWeight, new RmsNormWeightTerm<TStored>(Of<TStored>(dOutput), Of<TStored>(input), Of<StoredFloat32>(inverseRms)), input.Rows, nameof(RmsNormBackward));
        ForRows(new RmsNormBackwardRow<TStored>(Of<TStored>(dInput), Of<TStored>(dOutput), Of<TStored>(input), Of<TStored>(weight), Of<StoredFloat32>(inverseRms), (int)input.Columns, accumulate ? 1 : 0),
            input.Rows, nameof(RmsNormBackward));
    }

    internal readonly struct RmsNormForwardRow<TStored>(Matrix<TStored> output, OptionalVector inverseRms, Matrix<TStored> input, Matrix<TStored> weight, int columns, float epsilon) : IRowOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly OptionalVector _inverseRms = inverseRms;
        private readonly Matrix<TStored> _input = input;
        private readonly Matrix<TStored> _weight = weight;
        private readonly int _columns = columns;
        private readonly float _epsilon = epsilon;

        public void Apply<TTeam>(long row, int lane)
            where TTeam : unmanaged, ITeam
        {
            var squares = RowSum.Of<TTeam, ProductTerm<TStored>>(new(_input, _input, row), lane, _columns);
            var inverse = 1f / MathF.Sqrt(squares / _columns + _epsilon);
            if (lane == 0)
                _inverseRms.Write(row, inverse);
            for (var column = lane; column < _columns; column += TTeam.Size)
                _output.Write(row, column, _weight.Read(column) * (_input.Read(row, column) * inverse));
        }
    }

    internal readonly struct RmsNormBackwardRow<TStored>(Matrix<TStored> dInput, Matrix<TStored> dOutput, Matrix<TStored> input, Matrix<TStored> weight, Matrix<StoredFloat32> inverseRms, int columns,
        int accumulates) : IRowOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dInput = dInput;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _input = input;
        private readonly Matrix<TStored> _weight = weight;
        private readonly Matrix<StoredFloat32> _inverseRms = inverseRms;
        private readonly int _columns = columns;
        private readonly int _accumulates = accumulates;

        public void Apply<TTeam>(long row, int lane)
            where TTeam : unmanaged, ITeam
        {
            var inverse = _inverseRms.Read(row);
            var mean = RowSum.Of<TTeam, WeightedProductTerm<TStored>>(new(_dOutput, _weight, _input, row), lane, _columns) / _columns;
            var slope = inverse * inverse * inverse * mean;
            for (var column = lane; column < _columns; column += TTeam.Size)
            {
                var weighted = _dOutput.Read(row, column) * _weight.Read(column);
                var gradient = MathF.FusedMultiplyAdd(-_input.Read(row, column), slope, weighted * inverse);
                _dInput.Write(row, column, _accumulates != 0 ? _dInput.Read(row, column) + gradient : gradient);
            }
        }
    }

    internal readonly struct RmsNormWeightTerm<TStored>(Matrix<TStored> dOutput, Matrix<TStored> input, Matrix<StoredFloat32> inverseRms) : IColumnTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _input = input;
        private readonly Matrix<StoredFloat32> _inverseRms = inverseRms;

        public float Add(float sum, long row, int column) => MathF.FusedMultiplyAdd(_dOutput.Read(row, column), _input.Read(row, column) * _inverseRms.Read(row), sum);
    }

    /// <summary>left * right.</summary>
    internal readonly struct ProductTerm<TStored>(Matrix<TStored> left, Matrix<TStored> right, long row) : IRowTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _left = left;
        private readonly Matrix<TStored> _right = right;
        private readonly long _row = row;

        public float Add(float sum, int column) => MathF.FusedMultiplyAdd(_left.Read(_row, column), _right.Read(_row, column), sum);
    }

    /// <summary>values * weight * other.</summary>
    internal readonly struct WeightedProductTerm<TStored>(Matrix<TStored> values, Matrix<TStored> weight, Matrix<TStored> other, long row) : IRowTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _values = values;
        private readonly Matrix<TStored> _weight = weight;
        private readonly Matrix<TStored> _other = other;
        private readonly long _row = row;

        public float Add(float sum, int column) => MathF.FusedMultiplyAdd(_values.Read(_row, column) * _weight.Read(column), _other.Read(_row, column), sum);
    }
}
