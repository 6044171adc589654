using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

// kernels/attention.cu. Lengths and offsets are read on the device alone; the host's upper bounds size the grids, so that a decoding step can be recorded once and replayed. A sequence outside
// the rows is reported when the host next waits for the device.
public sealed partial class CudaBackend
{
    /// <summary>Up to so many rows of a key-value head the blocks of keys may go to thread blocks of their own: four tiles of the split kernel.</summary>
    private const int MostSplitRows = 64;

    /// <summary>The most memory for the results of split blocks of keys: beyond it, sequences enough or keys enough are at hand anyway.</summary>
    private const long MostSplitBytes = 128L << 20;

    private static readonly KernelFile AttentionFile = new("attention", "HEAD_SIZE");

    /// <inheritdoc/>
    protected override void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale)
    {
        if (sequences.Count == 0 || query.Rows == 0 || sequences.MaximumQueries <= 0)
            return;
        AttentionTiles tiles = new(query.Type, headSize);
        var pairs = sequences.Count * (key.Columns / headSize);
        var rows = checked((int)(sequences.MaximumQueries * (query.Columns / key.Columns)));
        var keyBlocks = (sequences.MaximumKeys + AttentionKeyBlock - 1) / AttentionKeyBlock;
        var partials = pairs * keyBlocks * rows;
        if (rows <= MostSplitRows && keyBlocks > 1 && pairs * tiles.Forward.Of(rows) < 2 * _device.Multiprocessors && partials * (headSize + 2) * sizeof(float) <= MostSplitBytes)
        {
            var products = Scratch(ScratchSlot.Partials, partials * headSize * sizeof(float));
            var statistics = Scratch(ScratchSlot.MorePartials, partials * 2 * sizeof(float));
            var split = Begin(AttentionFile, "attention_forward_split", query.Type, headSize);
            split.Add(products);
            split.Add(statistics);
            split.AddMatrix(query);
            split.AddMatrix(key);
            split.AddMatrix(value);
            AddSequences(split, sequences, query, key, headSize);
            split.Add(scale);
            split.Run(keyBlocks * tiles.Split.Of(rows) * pairs, 1, 1, tiles.Split.Threads, tiles.Split.SharedBytes);

            const int mergeThreads = 128;
            const int mergeRows = mergeThreads / 32;
            var merge = Begin(AttentionFile, "attention_merge", query.Type, headSize);
            merge.AddMatrix(output);
            merge.AddMatrix(logSumExp);
            merge.Add(products);
            merge.Add(statistics);
            AddSequences(merge, sequences, query, key, headSize);
            merge.Run((pairs * rows + mergeRows - 1) / mergeRows, 1, 1, mergeThreads, 0);
            return;
        }
        var isWide = tiles.Wide.Rows > 0 && rows > tiles.Forward.Rows && pairs * tiles.Wide.Of(rows) >= _device.Multiprocessors && tiles.Wide.SharedBytes <= _device.MaximumSharedBytes;
        var tile = isWide ? tiles.Wide : tiles.Forward;
        var launch = Begin(AttentionFile, isWide ? "attention_forward_wide" : "attention_forward", query.Type, headSize);
        launch.AddMatrix(output);
        launch.AddMatrix(logSumExp);
        launch.AddMatrix(query);
        launch.AddMatrix(key);
        launch.AddMatrix(value);
        AddSequences(launch, sequences, query, key, headSize);
        launch.Add(scale);
        launch.Run(tile.Of(rows) * pairs, 1, 1, tile.Threads, tile.SharedBytes);
    }

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale)
    {
        if (sequences.Count == 0)
            return;
        AttentionTiles tiles = new(query.Type, headSize);
        var pairs = sequences.Count * (key.Columns / headSize);
        var heads = query.Columns / headSize;
        if (query.Rows > 0)
        {
            const int deltaThreads = 256;
            const int deltaRows = deltaThreads / 16;
            var mean = Begin(AttentionFile, "attention_delta", query.Type, headSize);
            mean.AddMatrix(delta);
            mean.AddMatrix(dOutput);
            mean.AddMatrix(output);
            mean.Add(checked((int)query.Rows));
            mean.Add((int)heads);
            mean.Run((query.Rows * heads + deltaRows - 1) / deltaRows, 1, 1, deltaThreads, 0);
        }
        if (sequences.MaximumKeys > 0)
        {
            var keys = Begin(AttentionFile, "attention_backward_key_value", query.Type, headSize);
            keys.AddMatrix(dKey);
            keys.AddMatrix(dValue);
            keys.AddMatrix(delta);
            keys.AddMatrix(dOutput);
            keys.AddMatrix(query);
            keys.AddMatrix(key);
            keys.AddMatrix(value);
            keys.AddMatrix(logSumExp);
            AddSequences(keys, sequences, query, key, headSize);
            keys.Add(scale);
            keys.Run(tiles.KeyValueGradient.Of(sequences.MaximumKeys) * pairs, 1, 1, tiles.KeyValueGradient.Threads, tiles.KeyValueGradient.SharedBytes);
        }
        if (query.Rows > 0 && sequences.MaximumQueries > 0)
        {
            var rows = checked((int)(sequences.MaximumQueries * (query.Columns / key.Columns)));
            var queries = Begin(AttentionFile, "attention_backward_query", query.Type, headSize);
            queries.AddMatrix(dQuery);
            queries.AddMatrix(delta);
            queries.AddMatrix(dOutput);
            queries.AddMatrix(query);
            queries.AddMatrix(key);
            queries.AddMatrix(value);
            queries.AddMatrix(logSumExp);
            AddSequences(queries, sequences, query, key, headSize);
            queries.Add(scale);
            queries.Run(tiles.QueryGradient.Of(rows) * pairs, 1, 1, tiles.QueryGradient.Threads, tiles.QueryGradient.SharedBytes);
        }
    }

    /// <summary>The parameters that describe the sequences, the same for all kernels.</summary>
    private static void AddSequences(Launch launch, in AttentionSequences sequences, DeviceView query, DeviceView key, int headSize)
    {
        launch.Add(sequences.QueryOffsets);
        launch.Add(sequences.KeyOffsets);
        launch.Add(sequences.KeyLengths);
        launch.AddFaults();
        launch.Add(sequences.Count);
        launch.Add(checked((int)query.Rows));
        launch.Add(checked((int)key.Rows));
        launch.Add(sequences.MaximumQueries);
        launch.Add(sequences.MaximumKeys);
        launch.Add((int)(key.Columns / headSize));
        launch.Add((int)(query.Columns / key.Columns));
        launch.Add(sequences.Causal ? 1 : 0);
    }
}
