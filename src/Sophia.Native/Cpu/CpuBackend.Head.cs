using System.Runtime.CompilerServices;
using Sophia.Native.Objectives;

namespace Sophia.Native.Cpu;

// The head: chunks of rows x the whole vocabulary. Logits, statistics and the gradient of the logits share the workspace. Bound by operations: 2*N*C*V forward, 6*N*C*V with the gradients.
// Only rows with a target are computed; they are gathered, which changes no bit, because a row of a product depends on its own row alone and the chain of d-weight runs over the trained rows in order.
// Where to read first: RowStatistics, then HeadForwardCore.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A target outside the vocabulary; the message names it.</exception>
    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature)
    {
        var rows = HeadRows(targets, weight.Rows, default, out _, out var count);
        hidden = Widen(hidden);
        var statistics = new HeadStatisticsRow(rows, targets, workspace, logProbabilities, entropies, 1f / temperature);
        new Span<float>(Floats(logProbabilities), Size(hidden.Rows)).Clear();
        if (!entropies.IsAbsent)
            new Span<float>(Floats(entropies), Size(hidden.Rows)).Clear();
        for (var first = 0; first < count; first += Size(workspace.Rows))
        {
            var chunk = Math.Min(Size(workspace.Rows), count - first);
            ComputeLogits(workspace, hidden, weight, rows + first, chunk, out _, out _);
            RowLoop.Run(_path, _pool, statistics.From(first), chunk, workspace.Columns);
        }
        Settle();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A target outside the vocabulary; the message names it.</exception>
    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace,
        in ObjectiveOptions options)
    {
        // Trained rows come first, then those that only want their statistics.
        var rows = HeadRows(inputs.Targets, weight.Rows, inputs.Normalizers, out var trained, out var count);
        var most = Size(workspace.Rows);
        var stored = dHidden;
        (hidden, dHidden) = (Widen(hidden), Stage(dHidden));
        var objective = new HeadObjectiveRow(rows, workspace, inputs, results, options);
        new Span<float>(Floats(results.LogProbabilities), Size(hidden.Rows)).Clear();
        new Span<float>(Floats(results.Entropies), Size(hidden.Rows)).Clear();
        new Span<float>(Floats(results.Losses), Size(hidden.Rows)).Clear();
        new Span<float>(Floats(results.Ratios), Size(hidden.Rows)).Clear();
        for (long row = 0; row < dHidden.Rows; row++)
            RowSpan<float>(dHidden, row).Clear();

        for (var first = 0; first < count; first += most)
        {
            if (first < trained && first + most > trained)
                most = trained - first;
            var chunk = Math.Min(most, count - first);
            var backward = first < trained;
            ComputeLogits(workspace, hidden, weight, rows + first, chunk, out var input, out var inputStride);
            RowLoop.Run(_path, _pool, objective.From(first, backward), chunk, workspace.Columns);
            if (!backward)
                continue;
            ComputeHiddenGradient(dHidden, workspace, weight, rows + first, chunk);
            if (!dWeight.IsAbsent)
            {
                MatrixMultiply.Multiply(_path, _pool, MatrixProduct.TransposedNormal(
                    Floats(dWeight), (nint)dWeight.Stride, Floats(workspace), (nint)workspace.Stride, input, inputStride, Size(dWeight.Rows), Size(dWeight.Columns), chunk, accumulate: true));
            }
        }
        Settle(stored, dHidden);
    }

    /// <summary>Lists the rows that have a target: those with a normalizer other than 0 first (all, when there are no normalizers), then the others.</summary>
    private int* HeadRows(DeviceView targets, long vocabulary, DeviceView normalizers, out int trained, out int count)
    {
        var length = Size(targets.Length);
        var target = (int*)targets.Address;
        var normalizer = Floats(normalizers);
        var rows = (int*)_callerScratch.Get(ScratchSlot.OperationSecond, (nuint)Math.Max(1, length) * sizeof(int));
        trained = 0;
        for (var row = 0; row < length; row++)
        {
            if (target[row] < -1 || target[row] >= vocabulary)
                throw new ArgumentException($"Head: the target of row {row} is {target[row]}; expected a token below {vocabulary}, or -1 where nothing is predicted.");
            if (target[row] >= 0 && (normalizer == null || normalizer[row] != 0f))
                rows[trained++] = row;
        }
        count = trained;
        for (var row = 0; row < length && normalizer != null; row++)
        {
            if (target[row] >= 0 && normalizer[row] == 0f)
                rows[count++] = row;
        }
        return rows;
    }

    /// <summary>Whether the listed rows follow one another, so that they need not be gathered.</summary>
    private static bool AreAdjacent(int* rows, int count) => rows[count - 1] - rows[0] == count - 1;

    /// <summary>workspace = hidden * weight^T over the listed rows; gives the rows of hidden as they lie together.</summary>
    private void ComputeLogits(DeviceView workspace, DeviceView hidden, DeviceView weight, int* rows, int count, out float* input, out nint inputStride)
    {
        input = Floats(hidden) + rows[0] * (nint)hidden.Stride;
        inputStride = (nint)hidden.Stride;
        if (!AreAdjacent(rows, count))
        {
            inputStride = (nint)hidden.Columns;
            input = GatheredRows(count, hidden.Columns);
            for (var row = 0; row < count; row++)
                RowSpan<float>(hidden, rows[row]).CopyTo(new Span<float>(input + row * inputStride, Size(hidden.Columns)));
        }
        MatrixMultiply.Multiply(_path, _pool, MatrixProduct.NormalTransposed(
            Floats(workspace), (nint)workspace.Stride, input, inputStride, null, (nint)weight.Stride, count, Size(weight.Rows), Size(weight.Columns)).With(weight));
    }

    /// <summary>The listed rows of dHidden = workspace * weight.</summary>
    private void ComputeHiddenGradient(DeviceView dHidden, DeviceView workspace, DeviceView weight, int* rows, int count)
    {
        var adjacent = AreAdjacent(rows, count);
        // The second half of the gathered rows; the first still holds the hidden states for the gradient of the weight.
        var output = adjacent ? Floats(dHidden) + rows[0] * (nint)dHidden.Stride : GatheredRows(count, dHidden.Columns) + count * (nint)dHidden.Columns;
        var outputStride = adjacent ? (nint)dHidden.Stride : (nint)dHidden.Columns;
        MatrixMultiply.Multiply(_path, _pool, MatrixProduct.NormalNormal(
            output, outputStride, Floats(workspace), (nint)workspace.Stride, null, (nint)weight.Stride, count, Size(dHidden.Columns), Size(weight.Rows)).With(weight));
        for (var row = 0; row < count && !adjacent; row++)
            new Span<float>(output + row * outputStride, Size(dHidden.Columns)).CopyTo(RowSpan<float>(dHidden, rows[row]));
    }

    private float* GatheredRows(int count, long columns) => _callerScratch.GetFloats(ScratchSlot.Operation, 2 * count * (nint)columns);

    /// <summary>Log-probability and entropy of a row of logits.</summary>
    private readonly struct HeadStatisticsRow(int* rows, DeviceView targets, DeviceView logits, DeviceView logProbabilities, DeviceView entropies, float factor) : IRowOperator
    {
        private readonly int* _targets = (int*)targets.Address;
        private readonly RowCursor _logits = new(logits);
        private readonly nint _columns = (nint)logits.Columns;
        private readonly float* _logProbabilities = Floats(logProbabilities);
        private readonly float* _entropies = Floats(entropies);
        private readonly float _factor = factor;

        private int* Rows { get; init; } = rows;

        /// <summary>The operator of a chunk.</summary>
        public HeadStatisticsRow From(int first) => this with { Rows = Rows + first };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var logits = _logits.At(row);
            var maximum = RowStatistics.ScaleAndFindMaximum<TSimd, TVector>(logits, _columns, _factor);
            var statistics = RowStatistics.Create<TSimd, TVector>(logits, _columns, maximum, replace: false);
            _logProbabilities[Rows[row]] = statistics.LogProbability(logits[_targets[Rows[row]]]);
            if (_entropies != null)
                _entropies[Rows[row]] = statistics.Entropy;
        }
    }

    /// <summary>Log-probability, entropy, loss and ratio of a row of logits and, where it is trained, the gradient of the logits in their place.</summary>
    private readonly struct HeadObjectiveRow(int* rows, DeviceView logits, in ObjectiveInputs inputs, in ObjectiveResults results, in ObjectiveOptions options) : IRowOperator
    {
        private readonly RowCursor _logits = new(logits);
        private readonly nint _columns = (nint)logits.Columns;
        private readonly int* _targets = (int*)inputs.Targets.Address;
        private readonly float* _weights = Floats(inputs.Weights);
        private readonly float* _normalizers = Floats(inputs.Normalizers);
        private readonly float* _behavior = Floats(inputs.BehaviorLogProbabilities);
        private readonly float* _snapshot = Floats(inputs.SnapshotLogProbabilities);
        private readonly float* _reference = Floats(inputs.ReferenceLogProbabilities);
        private readonly float* _sequenceLogRatios = Floats(inputs.SequenceLogRatios);
        private readonly float* _logProbabilities = Floats(results.LogProbabilities);
        private readonly float* _entropies = Floats(results.Entropies);
        private readonly float* _losses = Floats(results.Losses);
        private readonly float* _ratios = Floats(results.Ratios);
        private readonly ObjectiveOptions _options = options;

        private int* Rows { get; init; } = rows;

        private bool Backward { get; init; }

        /// <summary>The operator of a chunk.</summary>
        public HeadObjectiveRow From(int first, bool backward) => this with { Rows = Rows + first, Backward = backward };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var token = Rows[row];
            var target = _targets[token];
            var logits = _logits.At(row);
            var factor = 1f / _options.Temperature;
            var maximum = RowStatistics.ScaleAndFindMaximum<TSimd, TVector>(logits, _columns, factor);
            var targetLogit = logits[target];
            var statistics = RowStatistics.Create<TSimd, TVector>(logits, _columns, maximum, Backward);
            var logProbability = statistics.LogProbability(targetLogit);
            var term = TokenObjective.Evaluate(_options, logProbability, At(_behavior, token), At(_snapshot, token), At(_sequenceLogRatios, token), At(_reference, token), _weights[token]);
            _logProbabilities[token] = logProbability;
            _entropies[token] = statistics.Entropy;
            _ratios[token] = term.Ratio;
            _losses[token] = Backward ? term.Loss * _normalizers[token] : 0f;
            if (!Backward)
                return;
            var scale = term.Derivative * _normalizers[token] * factor;
            Scale<TSimd, TVector>(logits, _columns, -scale / statistics.Sum);
            logits[target] += scale;
        }

        private static float At(float* values, int index) => values == null ? 0f : values[index];

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Scale<TSimd, TVector>(float* row, nint columns, float factor)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var factors = TSimd.Create(factor);
            nint column = 0;
            for (; column + TSimd.Width <= columns; column += TSimd.Width)
                TSimd.Store(row + column, TSimd.Multiply(TSimd.Load(row + column), factors));
            for (; column < columns; column++)
                row[column] *= factor;
        }
    }
}
