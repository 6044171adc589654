using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Launching;
using Sophia.Native.Objectives;

namespace Sophia.Native.Cuda;

// kernels/head.cu and kernels/objective.cu; the products are those of linear layers. How many rows have a target is known on the device alone: chunks for all rows are launched, and what lies behind the last
// listed row ends at once.
public sealed partial class CudaBackend
{
    private static readonly KernelFile HeadFile = new("head");
    private static readonly KernelFile ObjectiveFile = new("objective");

    /// <summary>Rows that one tensor instruction adds to dWeight; STEP of kernels/matrix_tile_bfloat16.cuh.</summary>
    private const int RowsOfStep = 16;

    /// <summary>The products of cuBLASLt take all rows of a chunk, so that those without gradient must be zeros.</summary>
    private int ClearsOtherRows => Numerics == Numerics.Fast ? 1 : 0;

    /// <inheritdoc/>
    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature)
    {
        if (hidden.Rows == 0)
            return;
        var rows = ListRows(logProbabilities, entropies, default, default, hidden, weight, targets, default);
        var chunk = ChunkRows(workspace, hidden.Type);
        for (long first = 0; first < hidden.Rows; first += chunk)
        {
            var logits = workspace.RowRange(0, Math.Min(chunk, hidden.Rows - first));
            ComputeLogits(logits, hidden, weight, rows, first, nameof(HeadForward));
            var launch = Begin(HeadFile, "head_statistics", hidden.Type);
            launch.Add(logProbabilities);
            launch.Add(entropies);
            launch.AddMatrix(logits);
            launch.Add(rows.Rows);
            launch.Add(rows.Counts);
            launch.Add(targets);
            launch.Add((int)first);
            launch.Add((int)weight.Rows);
            launch.Add(1f / temperature);
            RunRows(launch, logits);
        }
    }

    /// <inheritdoc/>
    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace,
        in ObjectiveOptions options)
    {
        if (hidden.Rows == 0)
            return;
        var rows = ListRows(results.LogProbabilities, results.Entropies, results.Losses, results.Ratios, hidden, weight, inputs.Targets, inputs.Normalizers);
        ClearUntrainedRows(dHidden, weight, inputs);
        var chunk = ChunkRows(workspace, hidden.Type);
        for (long first = 0; first < hidden.Rows; first += chunk)
        {
            var logits = workspace.RowRange(0, Math.Min(chunk, hidden.Rows - first));
            var gathered = ComputeLogits(logits, hidden, weight, rows, first, nameof(HeadObjective));
            ReplaceLogits(logits, hidden.Type, results, inputs, options, rows, first);
            // In BFloat16 the gradients lie in the front halves of the rows of the logits.
            var dLogits = hidden.Type == ElementType.BFloat16
                ? new DeviceView(logits.Buffer, logits.ByteOffset, logits.Rows, logits.Columns, 2 * logits.Stride, ElementType.BFloat16)
                : logits;
            var dGathered = GatheredRows(logits.Rows, hidden, second: true);
            var trained = new CountedRows(rows.Trained, (int)first);
            MultiplyBackwardInput(dGathered, dLogits, weight, accumulate: false, trained);
            var scatter = Begin(HeadFile, "head_scatter", hidden.Type);
            scatter.AddMatrix(dHidden);
            scatter.Add(dGathered);
            scatter.Add(rows.Rows);
            scatter.Add(rows.Counts);
            scatter.Add((int)first);
            scatter.Add((int)hidden.Columns);
            scatter.Run(logits.Rows, 1, 1, 128, 0);
            if (!dWeight.IsAbsent)
                MultiplyBackwardWeight(dWeight, dLogits, gathered, trained);
        }
    }

    /// <inheritdoc/>
    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets)
    {
        if (sequenceLogRatios.Length == 0)
            return;
        // Rows outside all sequences are 0.
        FillCore(sequenceLogRatios, 0f);
        if (offsets.Length < 2)
            return;
        var launch = Begin(ObjectiveFile, "sequence_log_ratios", ElementType.Float32);
        launch.Add(sequenceLogRatios);
        launch.Add(logProbabilities);
        launch.Add(behaviorLogProbabilities);
        launch.Add(normalizers);
        launch.Add(offsets);
        launch.Add((int)sequenceLogRatios.Length);
        launch.AddFaults();
        launch.Run(offsets.Length - 1, 1, 1, 256, 0);
    }

    /// <inheritdoc/>
    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options)
    {
        if (inputs.Targets.Length == 0)
            return;
        var launch = Begin(ObjectiveFile, "objective_statistics", ElementType.Float32);
        launch.Add(metrics);
        launch.Add(results.LogProbabilities);
        launch.Add(results.Entropies);
        launch.Add(results.Losses);
        launch.Add(results.Ratios);
        launch.Add(inputs.Targets);
        launch.Add(inputs.Normalizers);
        launch.Add(inputs.BehaviorLogProbabilities);
        launch.Add(inputs.ReferenceLogProbabilities);
        launch.Add((int)inputs.Targets.Length);
        launch.Add(options.ClipLow);
        launch.Add(options.ClipHigh);
        launch.Run(1, 1, 1, 256, 0);
    }

    /// <summary>Rows of a chunk. In BFloat16 the sums of dWeight take rows in steps of 16 (kernels/linear.cu): chunks of whole steps give the bits of a single one.</summary>
    private static long ChunkRows(DeviceView workspace, ElementType storage) =>
        storage == ElementType.BFloat16 && workspace.Rows > RowsOfStep ? workspace.Rows / RowsOfStep * RowsOfStep : workspace.Rows;

    /// <summary>Lists the rows that have a target, the trained ones first, and clears the results of the others.</summary>
    private HeadRows ListRows(DeviceView logProbabilities, DeviceView entropies, DeviceView losses, DeviceView ratios, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView normalizers)
    {
        const int numbers = 2;
        var scratch = Scratch(ScratchSlot.HeadRows, (numbers + hidden.Rows) * sizeof(int));
        var rows = new HeadRows(Part(scratch, numbers, hidden.Rows, ElementType.Int32), Part(scratch, 0, numbers, ElementType.Int32));
        var launch = Begin(HeadFile, "head_rows", hidden.Type, operation: "Head");
        launch.Add(rows.Rows);
        launch.Add(rows.Counts);
        launch.Add(logProbabilities);
        launch.Add(entropies);
        launch.Add(losses);
        launch.Add(ratios);
        launch.Add(targets);
        launch.Add(normalizers);
        launch.Add((int)hidden.Rows);
        launch.Add((int)weight.Rows);
        launch.AddFaults();
        launch.Run(1, 1, 1, (int)Math.Min(1024, BlocksOf(hidden.Rows, 32) * 32), 0);
        return rows;
    }

    private void ClearUntrainedRows(DeviceView dHidden, DeviceView weight, in ObjectiveInputs inputs)
    {
        var launch = Begin(HeadFile, "head_clear", dHidden.Type);
        launch.AddMatrix(dHidden);
        launch.Add(inputs.Targets);
        launch.Add(inputs.Normalizers);
        launch.Add((int)dHidden.Columns);
        launch.Add((int)weight.Rows);
        launch.Run(dHidden.Rows, 1, 1, 128, 0);
    }

    /// <summary>logits = hidden * weight^T over the listed rows from <paramref name="first"/> on; gives these rows of hidden.</summary>
    private DeviceView ComputeLogits(DeviceView logits, DeviceView hidden, DeviceView weight, HeadRows rows, long first, string operation)
    {
        var gathered = GatheredRows(logits.Rows, hidden, second: false);
        var launch = Begin(HeadFile, "head_gather", hidden.Type, operation: operation);
        launch.Add(gathered);
        launch.AddMatrix(hidden);
        launch.Add(rows.Rows);
        launch.Add(rows.Counts);
        launch.Add((int)first);
        launch.Add((int)hidden.Columns);
        launch.Add(ClearsOtherRows);
        launch.Run(logits.Rows, 1, 1, 128, 0);
        MultiplyForward(logits, gathered, weight, default, new(rows.Listed, (int)first), operation);
        return gathered;
    }

    /// <summary>Statistics and losses of the listed rows from <paramref name="first"/> on, and the gradients of their logits in place.</summary>
    private void ReplaceLogits(DeviceView logits, ElementType storage, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options, HeadRows rows, long first)
    {
        var launch = Begin(HeadFile, "head_objective", storage, operation: nameof(HeadObjective));
        launch.AddMatrix(logits);
        launch.Add(results.LogProbabilities);
        launch.Add(results.Entropies);
        launch.Add(results.Losses);
        launch.Add(results.Ratios);
        launch.Add(rows.Rows);
        launch.Add(rows.Counts);
        launch.Add(inputs.Targets);
        launch.Add(inputs.Weights);
        launch.Add(inputs.Normalizers);
        launch.Add(inputs.BehaviorLogProbabilities);
        launch.Add(inputs.SnapshotLogProbabilities);
        launch.Add(inputs.ReferenceLogProbabilities);
        launch.Add(inputs.SequenceLogRatios);
        launch.Add((int)first);
        launch.Add((int)logits.Columns);
        launch.Add((int)options.Ratio);
        launch.Add((int)options.Divergence);
        launch.Add(options.ClipLow);
        launch.Add(options.ClipHigh);
        launch.Add(options.DivergenceCoefficient);
        launch.Add(1f / options.Temperature);
        launch.Add(ClearsOtherRows);
        RunRows(launch, logits);
    }

    /// <summary>A block for each row of logits: a thread for each chain of its sums, and at least enough for a short row. The number of threads changes no bit.</summary>
    private static void RunRows(Launch launch, DeviceView logits)
    {
        var parts = BlocksOf(logits.Columns, StatisticsBlock);
        var threads = Math.Min(1024, BlocksOf(Math.Max(StatisticsLanes * parts, Math.Min(128, logits.Columns)), 32) * 32);
        launch.Run(logits.Rows, 1, 1, (int)threads, StatisticsBytes(logits.Columns));
    }

    /// <summary>Shared memory of the block of a row of logits.</summary>
    internal static int StatisticsBytes(long vocabulary) => (int)(32 + 2 * StatisticsLanes * BlocksOf(vocabulary, StatisticsBlock)) * sizeof(float);

    /// <summary>Rows of a chunk, contiguous: hidden states, or their gradients behind them.</summary>
    private DeviceView GatheredRows(long count, DeviceView hidden, bool second)
    {
        var bytes = (count * hidden.Columns * hidden.Type.Size() + Arena.Alignment - 1) / Arena.Alignment * Arena.Alignment;
        var scratch = Scratch(ScratchSlot.HeadHidden, 2 * bytes);
        return new(scratch.Buffer, scratch.ByteOffset + (second ? bytes : 0), count, hidden.Columns, hidden.Columns, hidden.Type);
    }

    /// <summary>The listed rows [N] and the numbers of trained and of all listed ones [2], on the device.</summary>
    private readonly record struct HeadRows(DeviceView Rows, DeviceView Counts)
    {
        public DeviceView Trained => Counts.ColumnRange(0, 1);

        public DeviceView Listed => Counts.ColumnRange(1, 1);
    }
}
