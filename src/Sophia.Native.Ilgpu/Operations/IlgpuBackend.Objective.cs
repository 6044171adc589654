using ILGPU;
using Sophia.Native.Ilgpu.Kernels;
using Sophia.Native.Objectives;

namespace Sophia.Native.Ilgpu;

// Sums over the tokens of a batch in their order and in double, as the CPU adds them: the mean log ratio of every sequence, a thread each, and the metrics block of a step, a thread for each of its elements.
// Bound by the chain of additions, not by bytes. Where to read first: ObjectiveStatistic.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets)
    {
        if (sequenceLogRatios.Length == 0)
            return;
        FillCore(sequenceLogRatios, 0f);
        if (offsets.Length > 1)
            ForEach(new SequenceLogRatio(Of<StoredFloat32>(sequenceLogRatios), Of<StoredFloat32>(logProbabilities), Of<StoredFloat32>(behaviorLogProbabilities), Of<StoredFloat32>(normalizers),
                Elements<int>(offsets), sequenceLogRatios.Length, Faults()), 1, offsets.Length - 1);
    }

    /// <inheritdoc/>
    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options) =>
        ForEach(new ObjectiveStatistic(Elements<double>(metrics), new(this, inputs, results), inputs.Targets.Length, options.ClipLow, options.ClipHigh), 1, ObjectiveMetrics.Length);

    internal readonly struct SequenceLogRatio(Matrix<StoredFloat32> ratios, Matrix<StoredFloat32> logProbabilities, Matrix<StoredFloat32> behavior, Matrix<StoredFloat32> normalizers, ArrayView<int> offsets,
        long rows, ArrayView<int> faults) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _ratios = ratios;
        private readonly Matrix<StoredFloat32> _logProbabilities = logProbabilities;
        private readonly Matrix<StoredFloat32> _behavior = behavior;
        private readonly Matrix<StoredFloat32> _normalizers = normalizers;
        private readonly ArrayView<int> _offsets = offsets;
        private readonly long _rows = rows;
        private readonly ArrayView<int> _faults = faults;

        public void Apply(long row, int column)
        {
            var first = _offsets[column];
            var end = _offsets[column + 1];
            if (first < 0 || end < first || end > _rows)
            {
                _faults[0] = KernelFault.SequenceOutsideBatch;
                return;
            }
            var sum = 0.0;
            var trained = 0;
            for (var n = first; n < end; n++)
            {
                if (_normalizers.Read(n) == 0f)
                    continue;
                sum += (double)_logProbabilities.Read(n) - _behavior.Read(n);
                trained++;
            }
            var mean = trained == 0 ? 0f : (float)(sum / trained);
            for (var n = first; n < end; n++)
                _ratios.Write(n, mean);
        }
    }

    internal readonly struct ObjectiveStatistic(ArrayView<double> metrics, ObjectiveVectors vectors, long rows, float clipLow, float clipHigh) : IElementOperator
    {
        private readonly ArrayView<double> _metrics = metrics;
        private readonly ObjectiveVectors _vectors = vectors;
        private readonly long _rows = rows;
        private readonly float _clipLow = clipLow;
        private readonly float _clipHigh = clipHigh;

        public void Apply(long row, int column)
        {
            var sum = _metrics[column];
            for (long token = 0; token < _rows; token++)
            {
                if (_vectors.Targets[token] < 0 || _vectors.Normalizers.Read(token) == 0f)
                    continue;
                var term = Term(token, column);
                if (column != ObjectiveMetrics.RatioMaximumIndex)
                    sum += term;
                else if (double.IsNaN(term) || (term > sum && !double.IsNaN(sum)))
                    sum = term;
            }
            _metrics[column] = sum;
        }

        private double Term(long token, int index)
        {
            double ratio = _vectors.Ratios.Read(token);
            if (index == ObjectiveMetrics.LossIndex)
                return _vectors.Losses.Read(token);
            if (index == ObjectiveMetrics.TokensIndex)
                return 1.0;
            if (index is ObjectiveMetrics.RatioSumIndex or ObjectiveMetrics.RatioMaximumIndex)
                return ratio;
            if (index == ObjectiveMetrics.RatioSquareSumIndex)
                return ratio * ratio;
            if (index == ObjectiveMetrics.ClippedIndex)
                return ratio < _clipLow || ratio > _clipHigh ? 1.0 : 0.0;
            if (index == ObjectiveMetrics.BehaviorDivergenceIndex)
                return _vectors.Behavior.IsThere ? (double)_vectors.Behavior.Read(token) - _vectors.LogProbabilities.Read(token) : 0.0;
            if (index == ObjectiveMetrics.ReferenceDivergenceIndex)
            {
                var difference = _vectors.LogProbabilities.Read(token) - _vectors.Reference.Read(token);
                return _vectors.Reference.IsThere ? (double)ScalarMath.Exp(-difference) - 1.0 + difference : 0.0;
            }
            if (index == ObjectiveMetrics.EntropyIndex)
                return _vectors.Entropies.Read(token);
            return ObjectiveMetrics.Bin(ScalarMath.Log(_vectors.Ratios.Read(token))) == index - ObjectiveMetrics.HistogramIndex ? 1.0 : 0.0;
        }
    }
}
