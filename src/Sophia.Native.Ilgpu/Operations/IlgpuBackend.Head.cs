using ILGPU;
using Sophia.Native.Ilgpu.Kernels;
using Sophia.Native.Objectives;

namespace Sophia.Native.Ilgpu;

// The head in chunks of rows x the whole vocabulary: logits = hidden * weight^T, their statistics, log-probability, entropy and the loss of TokenObjective, the gradient of the logits in their place, dHidden and dWeight.
// hidden, dHidden [N, C], weight [V, C] in storage; the workspace [chunk, V], dWeight [V, C] and all that is per token [N] are floats. Bound by operations: 2*N*C*V forward, 6*N*C*V with the gradients.
// Only rows with a target are computed: they are listed on the device, the trained ones first, and gathered, which changes no bit, because a row of a product depends on its own row alone and the chain of dWeight
// runs over the trained rows in order. Nothing of this is read by the host: work on places behind the last listed row ends at once. Where to read first: HeadObjectiveCore.
public sealed partial class IlgpuBackend
{
    private const int ListLanes = 256;

    /// <inheritdoc/>
    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature)
    {
        if (hidden.Rows == 0)
            return;
        var rows = ListRows(targets, default, weight.Rows, nameof(HeadForward));
        FillCore(logProbabilities, 0f);
        if (!entropies.IsAbsent)
            FillCore(entropies, 0f);
        for (long first = 0; first < hidden.Rows; first += workspace.Rows)
        {
            var logits = workspace.RowRange(0, Math.Min(workspace.Rows, hidden.Rows - first));
            ComputeLogits(logits, hidden, weight, rows, first, nameof(HeadForward));
            var partials = SumLogits(logits, 1f / temperature, rows.Listed(this, first, logits.Rows), nameof(HeadForward));
            ForEach(new HeadForwardRow(partials, Of<StoredFloat32>(logits), rows.From(this, first), Elements<int>(targets), Optional(logProbabilities), Optional(entropies), 1f / temperature),
                logits.Rows, 1, nameof(HeadForward));
        }
    }

    /// <inheritdoc/>
    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace,
        in ObjectiveOptions options)
    {
        if (hidden.Rows == 0)
            return;
        var rows = ListRows(inputs.Targets, inputs.Normalizers, weight.Rows, nameof(HeadObjective));
        FillCore(results.LogProbabilities, 0f);
        FillCore(results.Entropies, 0f);
        FillCore(results.Losses, 0f);
        FillCore(results.Ratios, 0f);
        if (hidden.Type == ElementType.BFloat16)
            HeadObjective<StoredBFloat16>(dHidden, dWeight, results, hidden, weight, inputs, workspace, options, rows);
        else
            HeadObjective<StoredFloat32>(dHidden, dWeight, results, hidden, weight, inputs, workspace, options, rows);
    }

    private void HeadObjective<TStored>(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace,
        in ObjectiveOptions options, HeadRows rows)
        where TStored : unmanaged, IStored<TStored>
    {
        const string operation = nameof(HeadObjective);
        ForEach(new ClearElement<TStored>(Of<TStored>(dHidden)), dHidden.Rows, dHidden.Columns, operation);
        var factor = 1f / options.Temperature;
        for (long first = 0; first < hidden.Rows; first += workspace.Rows)
        {
            var logits = workspace.RowRange(0, Math.Min(workspace.Rows, hidden.Rows - first));
            var gathered = ComputeLogits(logits, hidden, weight, rows, first, operation);
            var list = rows.From(this, first);
            var partials = SumLogits(logits, factor, rows.Listed(this, first, logits.Rows), operation);
            var scales = Scratch(ScratchSlot.Scales, 2 * logits.Rows);
            ForEach(new HeadObjectiveRow(partials, Of<StoredFloat32>(logits), list, new(this, inputs, results), options, Elements<float>(scales)), logits.Rows, 1, operation);
            ForEach(new HeadGradientElement(Of<StoredFloat32>(logits), partials, list, Elements<int>(inputs.Targets), Elements<float>(scales), factor), logits.Rows, logits.Columns, operation);
            var trained = rows.Trained(this, first, logits.Rows);
            var dGathered = Gathered(ScratchSlot.GatheredGradients, logits.Rows, hidden);
            MultiplyBackwardInput<StoredFloat32, TStored>(dGathered, logits, weight, accumulate: false, trained, operation);
            ForEach(new ScatterElement<TStored>(Of<TStored>(dHidden), Of<TStored>(dGathered), list), logits.Rows, hidden.Columns, operation);
            if (!dWeight.IsAbsent)
                MultiplyBackwardWeight<StoredFloat32, TStored>(dWeight, logits, gathered, trained, operation);
        }
    }

    /// <summary>Lists the rows that have a target, those with a normalizer other than 0 first (all, when there are no normalizers), then the others.</summary>
    private HeadRows ListRows(DeviceView targets, DeviceView normalizers, long vocabulary, string operation)
    {
        var length = checked((int)targets.Length);
        var scratch = Scratch(ScratchSlot.Rows, length + 2 + 2 * ListLanes, ElementType.Int32);
        var (rows, counts, laneCounts) = (scratch.ColumnRange(0, length), scratch.ColumnRange(length, 2), scratch.ColumnRange(length + 2, 2 * ListLanes));
        var source = new ListedTargets(Elements<int>(targets), Optional(normalizers), length, (int)vocabulary, Faults(operation));
        ForEach(new CountListedRows(source, Elements<int>(laneCounts)), 1, ListLanes, operation);
        ForEach(new WriteListedRows(source, Elements<int>(laneCounts), Elements<int>(rows), Elements<int>(counts)), 1, ListLanes, operation);
        return new(rows, counts);
    }

    /// <summary>logits = hidden * weight^T over the listed rows from <paramref name="first"/> on; gives these rows of hidden.</summary>
    private DeviceView ComputeLogits(DeviceView logits, DeviceView hidden, DeviceView weight, HeadRows rows, long first, string operation)
    {
        var gathered = Gathered(ScratchSlot.Gathered, logits.Rows, hidden);
        if (hidden.Type == ElementType.BFloat16)
            ForEach(new GatherElement<StoredBFloat16>(Of<StoredBFloat16>(gathered), Of<StoredBFloat16>(hidden), rows.From(this, first)), logits.Rows, hidden.Columns, operation);
        else
            ForEach(new GatherElement<StoredFloat32>(Of<StoredFloat32>(gathered), Of<StoredFloat32>(hidden), rows.From(this, first)), logits.Rows, hidden.Columns, operation);
        MultiplyForward(logits, gathered, weight, default, rows.Listed(this, first, logits.Rows), operation);
        return gathered;
    }

    /// <summary>Rows of a chunk, contiguous.</summary>
    private DeviceView Gathered(ScratchSlot slot, long rows, DeviceView hidden) =>
        new(Scratch(slot, rows * hidden.Columns, hidden.Type).Buffer, 0, rows, hidden.Columns, hidden.Columns, hidden.Type);

    private OptionalVector Optional(DeviceView view) => new(Of<StoredFloat32>(view), view.IsAbsent);

    /// <summary>The listed rows [N] and the numbers of trained and of all listed ones [2], on the device.</summary>
    private readonly record struct HeadRows(DeviceView Rows, DeviceView Counts)
    {
        public RowList From(IlgpuBackend backend, long first) => new(backend.Elements<int>(Rows), backend.Elements<int>(Counts), (int)first);

        public RowCount Trained(IlgpuBackend backend, long first, long most) => new(backend.Elements<int>(Counts.ColumnRange(0, 1)), (int)first, (int)most);

        public RowCount Listed(IlgpuBackend backend, long first, long most) => new(backend.Elements<int>(Counts.ColumnRange(1, 1)), (int)first, (int)most);
    }

    /// <summary>The targets and normalizers of a batch, in segments of a lane each.</summary>
    internal readonly struct ListedTargets(ArrayView<int> targets, OptionalVector normalizers, int length, int vocabulary, ArrayView<int> faults)
    {
        private readonly ArrayView<int> _targets = targets;
        private readonly OptionalVector _normalizers = normalizers;
        private readonly ArrayView<int> _faults = faults;
        private readonly int _length = length;
        private readonly int _vocabulary = vocabulary;

        public int First(int lane) => (int)((long)_length * lane / ListLanes);

        /// <summary>2 for a trained row, 1 for one that only wants its statistics, 0 for one without a target.</summary>
        public int Kind(int row)
        {
            var target = _targets[row];
            if (target < -1 || target >= _vocabulary)
            {
                _faults[0] = KernelFault.TargetOutsideVocabulary;
                return 0;
            }
            return target < 0 ? 0 : !_normalizers.IsThere || _normalizers.Read(row) != 0f ? 2 : 1;
        }
    }

    internal readonly struct CountListedRows(ListedTargets source, ArrayView<int> laneCounts) : IElementOperator
    {
        private readonly ListedTargets _source = source;
        private readonly ArrayView<int> _laneCounts = laneCounts;

        public void Apply(long row, int column)
        {
            var trained = 0;
            var others = 0;
            for (var n = _source.First(column); n < _source.First(column + 1); n++)
            {
                var kind = _source.Kind(n);
                trained += kind == 2 ? 1 : 0;
                others += kind == 1 ? 1 : 0;
            }
            _laneCounts[2 * column] = trained;
            _laneCounts[2 * column + 1] = others;
        }
    }

    internal readonly struct WriteListedRows(ListedTargets source, ArrayView<int> laneCounts, ArrayView<int> rows, ArrayView<int> counts) : IElementOperator
    {
        private readonly ListedTargets _source = source;
        private readonly ArrayView<int> _laneCounts = laneCounts;
        private readonly ArrayView<int> _rows = rows;
        private readonly ArrayView<int> _counts = counts;

        public void Apply(long row, int column)
        {
            var trained = 0;
            var others = 0;
            var allTrained = 0;
            var allOthers = 0;
            for (var lane = 0; lane < ListLanes; lane++)
            {
                trained += lane < column ? _laneCounts[2 * lane] : 0;
                others += lane < column ? _laneCounts[2 * lane + 1] : 0;
                allTrained += _laneCounts[2 * lane];
                allOthers += _laneCounts[2 * lane + 1];
            }
            others += allTrained;
            for (var n = _source.First(column); n < _source.First(column + 1); n++)
            {
                var kind = _source.Kind(n);
                if (kind == 2)
                    _rows[trained++] = n;
                if (kind == 1)
                    _rows[others++] = n;
            }
            if (column == 0)
            {
                _counts[0] = allTrained;
                _counts[1] = allTrained + allOthers;
            }
        }
    }

    internal readonly struct GatherElement<TStored>(Matrix<TStored> gathered, Matrix<TStored> source, RowList rows) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _gathered = gathered;
        private readonly Matrix<TStored> _source = source;
        private readonly RowList _rows = rows;

        public void Apply(long row, int column)
        {
            var from = _rows.At(row);
            if (from >= 0)
                _gathered.WriteRaw(row, column, _source.Raw(from, column));
        }
    }

    internal readonly struct ScatterElement<TStored>(Matrix<TStored> target, Matrix<TStored> gathered, RowList rows) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _target = target;
        private readonly Matrix<TStored> _gathered = gathered;
        private readonly RowList _rows = rows;

        public void Apply(long row, int column)
        {
            var to = _rows.TrainedAt(row);
            if (to >= 0)
                _target.WriteRaw(to, column, _gathered.Raw(row, column));
        }
    }

    internal readonly struct ClearElement<TStored>(Matrix<TStored> view) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _view = view;

        public void Apply(long row, int column) => _view.Write(row, column, 0f);
    }

    internal readonly struct HeadForwardRow(LogitPartials partials, Matrix<StoredFloat32> logits, RowList rows, ArrayView<int> targets, OptionalVector logProbabilities, OptionalVector entropies, float factor)
        : IElementOperator
    {
        private readonly LogitPartials _partials = partials;
        private readonly Matrix<StoredFloat32> _logits = logits;
        private readonly RowList _rows = rows;
        private readonly ArrayView<int> _targets = targets;
        private readonly OptionalVector _logProbabilities = logProbabilities;
        private readonly OptionalVector _entropies = entropies;
        private readonly float _factor = factor;

        public void Apply(long row, int column)
        {
            var token = _rows.At(row);
            if (token < 0)
                return;
            var statistics = _partials.Statistics(row);
            _logProbabilities.Write(token, statistics.LogProbability(_logits.Read(row, _targets[token]) * _factor));
            _entropies.Write(token, statistics.Entropy);
        }
    }

    /// <summary>What is read and written per token.</summary>
    internal readonly struct ObjectiveVectors(IlgpuBackend backend, in ObjectiveInputs inputs, in ObjectiveResults results)
    {
        public readonly ArrayView<int> Targets = backend.Elements<int>(inputs.Targets);
        public readonly Matrix<StoredFloat32> Weights = backend.Of<StoredFloat32>(inputs.Weights);
        public readonly Matrix<StoredFloat32> Normalizers = backend.Of<StoredFloat32>(inputs.Normalizers);
        public readonly OptionalVector Behavior = backend.Optional(inputs.BehaviorLogProbabilities);
        public readonly OptionalVector Snapshot = backend.Optional(inputs.SnapshotLogProbabilities);
        public readonly OptionalVector Reference = backend.Optional(inputs.ReferenceLogProbabilities);
        public readonly OptionalVector SequenceLogRatios = backend.Optional(inputs.SequenceLogRatios);
        public readonly Matrix<StoredFloat32> LogProbabilities = backend.Of<StoredFloat32>(results.LogProbabilities);
        public readonly Matrix<StoredFloat32> Entropies = backend.Of<StoredFloat32>(results.Entropies);
        public readonly Matrix<StoredFloat32> Losses = backend.Of<StoredFloat32>(results.Losses);
        public readonly Matrix<StoredFloat32> Ratios = backend.Of<StoredFloat32>(results.Ratios);
    }

    /// <summary>Log-probability, entropy, loss and ratio of a row of logits by the engine's own formula, and what its gradient is scaled by.</summary>
    internal readonly struct HeadObjectiveRow(LogitPartials partials, Matrix<StoredFloat32> logits, RowList rows, ObjectiveVectors vectors, ObjectiveOptions options, ArrayView<float> scales) : IElementOperator
    {
        private readonly LogitPartials _partials = partials;
        private readonly Matrix<StoredFloat32> _logits = logits;
        private readonly RowList _rows = rows;
        private readonly ObjectiveVectors _vectors = vectors;
        private readonly ObjectiveOptions _options = options;
        private readonly ArrayView<float> _scales = scales;

        public void Apply(long row, int column)
        {
            var token = _rows.At(row);
            if (token < 0)
                return;
            var factor = 1f / _options.Temperature;
            var statistics = _partials.Statistics(row);
            var logProbability = statistics.LogProbability(_logits.Read(row, _vectors.Targets[token]) * factor);
            var term = TokenObjective.Evaluate(_options, logProbability, _vectors.Behavior.Read(token), _vectors.Snapshot.Read(token), _vectors.SequenceLogRatios.Read(token), _vectors.Reference.Read(token),
                _vectors.Weights.Read(token));
            var normalizer = _vectors.Normalizers.Read(token);
            _vectors.LogProbabilities.Write(token, logProbability);
            _vectors.Entropies.Write(token, statistics.Entropy);
            _vectors.Ratios.Write(token, term.Ratio);
            _vectors.Losses.Write(token, _rows.IsTrained(row) ? term.Loss * normalizer : 0f);
            var scale = term.Derivative * normalizer * factor;
            _scales[2 * row] = scale;
            _scales[2 * row + 1] = -scale / statistics.Sum;
        }
    }

    /// <summary>d loss / d logits in the place of the logits: scale * (onehot - softmax).</summary>
    internal readonly struct HeadGradientElement(Matrix<StoredFloat32> logits, LogitPartials partials, RowList rows, ArrayView<int> targets, ArrayView<float> scales, float factor) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _logits = logits;
        private readonly LogitPartials _partials = partials;
        private readonly RowList _rows = rows;
        private readonly ArrayView<int> _targets = targets;
        private readonly ArrayView<float> _scales = scales;
        private readonly float _factor = factor;

        public void Apply(long row, int column)
        {
            var token = _rows.TrainedAt(row);
            if (token < 0)
                return;
            var gradient = ScalarMath.Exp(_logits.Read(row, column) * _factor - _partials.Maximum(row)) * _scales[2 * row + 1];
            _logits.Write(row, column, column == _targets[token] ? gradient + _scales[2 * row] : gradient);
        }
    }
}
