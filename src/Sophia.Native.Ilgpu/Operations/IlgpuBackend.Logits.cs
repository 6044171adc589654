using ILGPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Statistics of rows of logits for the head and the sampler: maxima of the chains of a row, the row's maximum, sums of the chains. Bound by bytes: a row is read twice. Where to read first: LogitPartials.
public sealed partial class IlgpuBackend
{
    /// <summary>Computes the partial sums of factor * logits for the listed rows, or for all.</summary>
    private LogitPartials SumLogits(DeviceView logits, float factor, RowCount rows, string operation)
    {
        var chains = LogitPartials.ChainsOf(logits.Columns);
        var partials = new LogitPartials(Elements<float>(Scratch(ScratchSlot.Partials, logits.Rows * LogitPartials.FloatsOf(chains))), chains);
        var values = Of<StoredFloat32>(logits);
        var columns = checked((int)logits.Columns);
        ForEach(new LogitMaximum(partials, values, rows, columns, factor), logits.Rows, chains, operation);
        ForEach(new LogitRowMaximum(partials, rows), logits.Rows, 1, operation);
        ForEach(new LogitSums(partials, values, rows, columns, factor), logits.Rows, chains, operation);
        return partials;
    }

    internal readonly struct LogitMaximum(LogitPartials partials, Matrix<StoredFloat32> logits, RowCount rows, int columns, float factor) : IElementOperator
    {
        private readonly LogitPartials _partials = partials;
        private readonly Matrix<StoredFloat32> _logits = logits;
        private readonly RowCount _rows = rows;
        private readonly int _columns = columns;
        private readonly float _factor = factor;

        public void Apply(long row, int column)
        {
            if (row >= _rows.Value)
                return;
            var maximum = float.NegativeInfinity;
            var end = LogitPartials.EndColumn(column, _columns);
            for (var v = LogitPartials.FirstColumn(column); v < end; v += LogitPartials.Lanes)
            {
                var z = _logits.Read(row, v) * _factor;
                maximum = z > maximum ? z : maximum;
            }
            _partials.WriteChainMaximum(row, column, maximum);
        }
    }

    internal readonly struct LogitRowMaximum(LogitPartials partials, RowCount rows) : IElementOperator
    {
        private readonly LogitPartials _partials = partials;
        private readonly RowCount _rows = rows;

        public void Apply(long row, int column)
        {
            if (row >= _rows.Value)
                return;
            var maximum = float.NegativeInfinity;
            for (var chain = 0; chain < _partials.Chains; chain++)
            {
                var value = _partials.ChainMaximum(row, chain);
                maximum = value > maximum ? value : maximum;
            }
            _partials.WriteMaximum(row, maximum);
        }
    }

    internal readonly struct LogitSums(LogitPartials partials, Matrix<StoredFloat32> logits, RowCount rows, int columns, float factor) : IElementOperator
    {
        private readonly LogitPartials _partials = partials;
        private readonly Matrix<StoredFloat32> _logits = logits;
        private readonly RowCount _rows = rows;
        private readonly int _columns = columns;
        private readonly float _factor = factor;

        public void Apply(long row, int column)
        {
            if (row >= _rows.Value)
                return;
            var maximum = _partials.Maximum(row);
            var sum = 0f;
            var weightedSum = 0f;
            var end = LogitPartials.EndColumn(column, _columns);
            for (var v = LogitPartials.FirstColumn(column); v < end; v += LogitPartials.Lanes)
            {
                var difference = _logits.Read(row, v) * _factor - maximum;
                var exponential = ScalarMath.Exp(difference);
                sum += exponential;
                // Bounded where the exponential is 0 anyway: 0 times minus infinity would not be 0.
                weightedSum = MathF.FusedMultiplyAdd(exponential, difference > -200f ? difference : -200f, weightedSum);
            }
            _partials.WriteSums(row, column, sum, weightedSum);
        }
    }
}
