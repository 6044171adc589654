using Sophia.Native.Models;
using Sophia.Native.Objectives;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>The operations of a training step and of decoding at the sizes of a model, each with its fewest bytes and its operations. Operands are made when a case is asked for.</summary>
internal sealed class ModelOperations(Backend backend, TableOptions options)
{
    private const float Epsilon = 1e-6f;

    private readonly TextConfig _text = options.Config.Text;
    private readonly VisionConfig _vision = options.Config.Vision;
    private readonly int _tokens = options.Tokens;
    private readonly int _size = options.Storage.Size();

    /// <summary>About the parameters of eight layers, so that caches do not hold them.</summary>
    private long OptimizerElements => 8L * _text.HiddenSize * (_text.QueryKeyValueSize + _text.HiddenSize + 3L * _text.FeedForwardSize);

    private int VisionTokens => options.Tiles * (1 + options.Config.TileGrid * options.Config.TileGrid);

    /// <summary>All cases by name; a case makes its operands and says what it costs.</summary>
    public IEnumerable<(string Name, Func<DeviceOperands, MeasuredOperation> Create)> All()
    {
        foreach (var (name, outputs, channels) in LinearShapes())
        {
            yield return ($"LinearForward {name}", make => Linear(make, $"LinearForward {name}", outputs, channels, (output, input, weight) => backend.LinearForward(output, input, weight)));
            yield return ($"LinearBackwardInput {name}",
                make => Linear(make, $"LinearBackwardInput {name}", outputs, channels, (output, input, weight) => backend.LinearBackwardInput(input, output, weight)));
            yield return ($"LinearBackwardWeight {name}", make => LinearBackwardWeight(make, name, outputs, channels));
        }
        yield return ("LinearForward decoding", Decoding);
        yield return ("LinearBackwardBias", LinearBackwardBias);
        yield return ("RmsNormForward", RmsNormForward);
        yield return ("RmsNormBackward", RmsNormBackward);
        yield return ("LayerNormForward", LayerNormForward);
        yield return ("LayerNormBackward", LayerNormBackward);
        yield return ("ResidualForward", ResidualForward);
        yield return ("ResidualBackward", ResidualBackward);
        yield return ("SwiGluForward", SwiGluForward);
        yield return ("SwiGluBackward", SwiGluBackward);
        yield return ("GeluForward", GeluForward);
        yield return ("GeluBackward", GeluBackward);
        yield return ("Rope", Rope);
        yield return ("AttentionForward causal", make => Attention(make, causal: true, backward: false));
        yield return ("AttentionBackward causal", make => Attention(make, causal: true, backward: true));
        yield return ("AttentionForward full", make => Attention(make, causal: false, backward: false));
        yield return ("AttentionBackward full", make => Attention(make, causal: false, backward: true));
        yield return ("AttentionForward decoding", AttentionDecoding);
        yield return ("EmbeddingForward", EmbeddingForward);
        yield return ("EmbeddingBackward", EmbeddingBackward);
        yield return ("PixelShuffleForward", PixelShuffleForward);
        yield return ("HeadForward", HeadForward);
        yield return ("HeadObjective", HeadObjective);
        yield return ("SampleTokens", SampleTokens);
        yield return ("GradientNorm", GradientNorm);
        yield return ("AdamW", AdamW);
        yield return ("SelectTrajectories", SelectTrajectories);
    }

    private IEnumerable<(string Name, int Outputs, int Channels)> LinearShapes() =>
    [
        ("query, key, value", _text.QueryKeyValueSize, _text.HiddenSize), ("attention output", _text.HiddenSize, _text.HeadCount * _text.HeadSize),
        ("gate, up", 2 * _text.FeedForwardSize, _text.HiddenSize), ("down", _text.HiddenSize, _text.FeedForwardSize),
    ];

    private MeasuredOperation Linear(DeviceOperands make, string name, int outputs, int channels, Action<DeviceView, DeviceView, DeviceView> call)
    {
        var (output, input, weight) = (make.Matrix(_tokens, outputs), make.Matrix(_tokens, channels), make.Matrix(outputs, channels));
        return new(name, $"{_tokens} x {outputs} x {channels}", _size * ((double)_tokens * (outputs + channels) + (double)outputs * channels), 2.0 * _tokens * outputs * channels, () => call(output, input, weight));
    }

    private MeasuredOperation LinearBackwardWeight(DeviceOperands make, string name, int outputs, int channels)
    {
        var (dWeight, dOutput, input) = (make.Floats(outputs, channels), make.Matrix(_tokens, outputs), make.Matrix(_tokens, channels));
        return new($"LinearBackwardWeight {name}", $"{outputs} x {channels} x {_tokens}", _size * (double)_tokens * (outputs + channels) + 8.0 * outputs * channels, 2.0 * _tokens * outputs * channels,
            () => backend.LinearBackwardWeight(dWeight, dOutput, input));
    }

    private MeasuredOperation Decoding(DeviceOperands make)
    {
        var (outputs, channels, rows) = (2 * _text.FeedForwardSize, _text.HiddenSize, options.Batch);
        var (output, input, weight) = (make.Matrix(rows, outputs), make.Matrix(rows, channels), make.Matrix(outputs, channels));
        return new("LinearForward decoding", $"{rows} x {outputs} x {channels}", _size * (double)outputs * channels, 0, () => backend.LinearForward(output, input, weight));
    }

    private MeasuredOperation LinearBackwardBias(DeviceOperands make)
    {
        var outputs = _text.QueryKeyValueSize;
        var (dBias, dOutput) = (make.Floats(outputs), make.Matrix(_tokens, outputs));
        return new("LinearBackwardBias", $"{_tokens} x {outputs}", (double)_size * _tokens * outputs, 0, () => backend.LinearBackwardBias(dBias, dOutput));
    }

    private MeasuredOperation RmsNormForward(DeviceOperands make)
    {
        var channels = _text.HiddenSize;
        var (output, input, weight, inverseRms) = (make.Matrix(_tokens, channels), make.Matrix(_tokens, channels), make.Vector(channels), make.Floats(_tokens));
        return new("RmsNormForward", $"{_tokens} x {channels}", 2.0 * _size * _tokens * channels, 0, () => backend.RmsNormForward(output, inverseRms, input, weight, Epsilon));
    }

    private MeasuredOperation RmsNormBackward(DeviceOperands make)
    {
        var channels = _text.HiddenSize;
        var (dInput, dOutput, input, weight) = (make.Matrix(_tokens, channels), make.Matrix(_tokens, channels), make.Matrix(_tokens, channels), make.Vector(channels));
        var (inverseRms, dWeight) = (make.Floats(_tokens), make.Floats(channels));
        return new("RmsNormBackward", $"{_tokens} x {channels}", 3.0 * _size * _tokens * channels, 0, () => backend.RmsNormBackward(dInput, dWeight, dOutput, input, weight, inverseRms));
    }

    private MeasuredOperation LayerNormForward(DeviceOperands make)
    {
        var (rows, channels) = (VisionTokens, _vision.HiddenSize);
        var (output, input, weight, bias) = (make.Matrix(rows, channels), make.Matrix(rows, channels), make.Vector(channels), make.Vector(channels));
        var (mean, inverseDeviation) = (make.Floats(rows), make.Floats(rows));
        return new("LayerNormForward", $"{rows} x {channels}", 2.0 * _size * rows * channels, 0, () => backend.LayerNormForward(output, mean, inverseDeviation, input, weight, bias, Epsilon));
    }

    private MeasuredOperation LayerNormBackward(DeviceOperands make)
    {
        var (rows, channels) = (VisionTokens, _vision.HiddenSize);
        var (dInput, dOutput, input, weight) = (make.Matrix(rows, channels), make.Matrix(rows, channels), make.Matrix(rows, channels), make.Vector(channels));
        var (mean, inverseDeviation, dWeight, dBias) = (make.Floats(rows), make.Floats(rows), make.Floats(channels), make.Floats(channels));
        return new("LayerNormBackward", $"{rows} x {channels}", 3.0 * _size * rows * channels, 0,
            () => backend.LayerNormBackward(dInput, dWeight, dBias, dOutput, input, weight, mean, inverseDeviation));
    }

    private MeasuredOperation ResidualForward(DeviceOperands make)
    {
        var (rows, channels) = (VisionTokens, _vision.HiddenSize);
        var (output, residual, branch, scale) = (make.Matrix(rows, channels), make.Matrix(rows, channels), make.Matrix(rows, channels), make.Vector(channels));
        return new("ResidualForward with scale", $"{rows} x {channels}", 3.0 * _size * rows * channels, 0, () => backend.ResidualForward(output, residual, branch, scale));
    }

    private MeasuredOperation ResidualBackward(DeviceOperands make)
    {
        var (rows, channels) = (VisionTokens, _vision.HiddenSize);
        var (dBranch, dScale, dOutput, branch, scale) = (make.Matrix(rows, channels), make.Floats(channels), make.Matrix(rows, channels), make.Matrix(rows, channels), make.Vector(channels));
        return new("ResidualBackward", $"{rows} x {channels}", 3.0 * _size * rows * channels, 0, () => backend.ResidualBackward(dBranch, dScale, dOutput, branch, scale));
    }

    private MeasuredOperation SwiGluForward(DeviceOperands make)
    {
        var features = _text.FeedForwardSize;
        var (output, gateUp) = (make.Matrix(_tokens, features), make.Matrix(_tokens, 2 * features));
        return new("SwiGluForward", $"{_tokens} x {features}", 3.0 * _size * _tokens * features, 0, () => backend.SwiGluForward(output, gateUp));
    }

    private MeasuredOperation SwiGluBackward(DeviceOperands make)
    {
        var features = _text.FeedForwardSize;
        var (dGateUp, dOutput, gateUp) = (make.Matrix(_tokens, 2 * features), make.Matrix(_tokens, features), make.Matrix(_tokens, 2 * features));
        return new("SwiGluBackward", $"{_tokens} x {features}", 5.0 * _size * _tokens * features, 0, () => backend.SwiGluBackward(dGateUp, dOutput, gateUp));
    }

    private MeasuredOperation GeluForward(DeviceOperands make)
    {
        var (rows, features) = (VisionTokens, _vision.FeedForwardSize);
        var (output, input) = (make.Matrix(rows, features), make.Matrix(rows, features));
        return new("GeluForward", $"{rows} x {features}", 2.0 * _size * rows * features, 0, () => backend.GeluForward(output, input));
    }

    private MeasuredOperation GeluBackward(DeviceOperands make)
    {
        var (rows, features) = (VisionTokens, _vision.FeedForwardSize);
        var (dInput, dOutput, input) = (make.Matrix(rows, features), make.Matrix(rows, features), make.Matrix(rows, features));
        return new("GeluBackward", $"{rows} x {features}", 3.0 * _size * rows * features, 0, () => backend.GeluBackward(dInput, dOutput, input));
    }

    private MeasuredOperation Rope(DeviceOperands make)
    {
        var columns = (_text.HeadCount + _text.KeyValueHeadCount) * _text.HeadSize;
        var (values, table, positions) = (make.Matrix(_tokens, columns), make.Floats(options.SequenceTokens, _text.HeadSize), make.Integers(_tokens, n => n % options.SequenceTokens));
        // True rotations, so that values keep their size over many calls: subnormal numbers are slow.
        var angles = new float[options.SequenceTokens * _text.HeadSize];
        for (var i = 0; i < angles.Length; i++)
        {
            var (position, pair, isSine) = (i / _text.HeadSize, i % (_text.HeadSize / 2), i % _text.HeadSize >= _text.HeadSize / 2);
            var angle = position * Math.Pow(_text.RopeTheta, -2.0 * pair / _text.HeadSize);
            angles[i] = (float)(isSine ? Math.Sin(angle) : Math.Cos(angle));
        }
        backend.Upload<float>(table, angles);
        return new("Rope", $"{_tokens} x {columns}", 2.0 * _size * _tokens * columns, 0, () => backend.Rope(values, table, positions, _text.HeadSize));
    }

    private MeasuredOperation Attention(DeviceOperands make, bool causal, bool backward)
    {
        // Causal is the decoder's, full the vision encoder's, where a tile is a sequence.
        var (heads, keyHeads, headSize) = causal ? (_text.HeadCount, _text.KeyValueHeadCount, _text.HeadSize) : (_vision.HeadCount, _vision.HeadCount, _vision.HeadSize);
        var length = causal ? options.SequenceTokens : VisionTokens / options.Tiles;
        var count = causal ? _tokens / length : options.Tiles;
        var rows = count * length;
        var (query, output, dQuery, dOutput) = (make.Matrix(rows, heads * headSize), make.Matrix(rows, heads * headSize), make.Matrix(rows, heads * headSize), make.Matrix(rows, heads * headSize));
        var (key, value, dKey, dValue) = (make.Matrix(rows, keyHeads * headSize), make.Matrix(rows, keyHeads * headSize), make.Matrix(rows, keyHeads * headSize), make.Matrix(rows, keyHeads * headSize));
        var (logSumExp, delta) = (make.Floats(rows, heads), make.Floats(rows, heads));
        var sequences = Packed(make, count, length, length, causal);
        var scale = 1f / MathF.Sqrt(headSize);
        backend.AttentionForward(output, logSumExp, query, key, value, sequences, headSize, scale);
        // The convention of the field: four products' worth forward, ten backward, half of it where causal.
        var operations = (backward ? 10.0 : 4.0) * count * length * length * heads * headSize / (causal ? 2 : 1);
        var bytes = _size * (double)rows * headSize * (backward ? 4 * heads + 4 * keyHeads : 2 * heads + 2 * keyHeads);
        var name = $"{(backward ? "AttentionBackward" : "AttentionForward")} {(causal ? "causal" : "full")}";
        return new(name, $"{count} x {length}, heads {heads}/{keyHeads} x {headSize}", bytes, operations, backward
            ? () => backend.AttentionBackward(dQuery, dKey, dValue, delta, dOutput, query, key, value, output, logSumExp, sequences, headSize, scale)
            : () => backend.AttentionForward(output, logSumExp, query, key, value, sequences, headSize, scale));
    }

    private MeasuredOperation AttentionDecoding(DeviceOperands make)
    {
        var (count, length, headSize) = (options.Batch, options.SequenceTokens, _text.HeadSize);
        var (queryColumns, keyColumns) = (_text.HeadCount * headSize, _text.KeyValueHeadCount * headSize);
        var (query, output) = (make.Matrix(count, queryColumns), make.Matrix(count, queryColumns));
        var (key, value) = (make.Matrix((long)count * length, keyColumns), make.Matrix((long)count * length, keyColumns));
        var sequences = Packed(make, count, 1, length, causal: true);
        return new("AttentionForward decoding", $"{count} x {length} keys", 2.0 * _size * count * length * keyColumns, 0,
            () => backend.AttentionForward(output, default, query, key, value, sequences, headSize, 1f / MathF.Sqrt(headSize)));
    }

    private static AttentionSequences Packed(DeviceOperands make, int count, int queries, int keys, bool causal) => new()
    {
        QueryOffsets = make.Integers(count + 1, b => b * queries),
        KeyOffsets = make.Integers(count, b => b * keys),
        KeyLengths = make.Integers(count, _ => keys),
        MaximumQueries = queries,
        MaximumKeys = keys,
        Causal = causal,
    };

    private MeasuredOperation EmbeddingForward(DeviceOperands make)
    {
        var (channels, vocabulary) = (_text.HiddenSize, _text.VocabularySize);
        var (output, table, ids, none) = (make.Matrix(_tokens, channels), make.Matrix(vocabulary, channels), make.RandomIntegers(_tokens, vocabulary), make.Integers(_tokens, _ => -1));
        return new("EmbeddingForward", $"{_tokens} x {channels}", 2.0 * _size * _tokens * channels, 0, () => backend.EmbeddingForward(output, table, ids, default, none));
    }

    private MeasuredOperation EmbeddingBackward(DeviceOperands make)
    {
        var (channels, vocabulary) = (_text.HiddenSize, _text.VocabularySize);
        // A few thousand different tokens, as in text.
        var (dOutput, dTable, ids, none) = (make.Matrix(_tokens, channels), make.Floats(vocabulary, channels), make.RandomIntegers(_tokens, Math.Min(vocabulary, 4096)), make.Integers(_tokens, _ => -1));
        return new("EmbeddingBackward", $"{_tokens} x {channels}", (_size + 8.0) * _tokens * channels, 0, () => backend.EmbeddingBackward(dTable, default, dOutput, ids, none));
    }

    private MeasuredOperation PixelShuffleForward(DeviceOperands make)
    {
        var (grid, channels) = (options.Config.TileGrid, _vision.HiddenSize);
        var (input, output) = (make.Matrix(VisionTokens, channels), make.Matrix((long)options.Tiles * grid * grid / 4, 4 * channels));
        return new("PixelShuffleForward", $"{options.Tiles} tiles x {grid} x {grid} x {channels}", 2.0 * _size * options.Tiles * grid * grid * channels, 0,
            () => backend.PixelShuffleForward(output, input, grid, grid));
    }

    private MeasuredOperation HeadForward(DeviceOperands make)
    {
        var head = new HeadOperands(make, _tokens, _text);
        return new("HeadForward", head.Shape, head.Bytes(_size), 2.0 * head.Products,
            () => backend.HeadForward(head.Results.LogProbabilities, head.Results.Entropies, head.Hidden, head.Weight, head.Inputs.Targets, head.Workspace));
    }

    private MeasuredOperation HeadObjective(DeviceOperands make)
    {
        var head = new HeadOperands(make, _tokens, _text);
        var (dHidden, dWeight) = (make.Matrix(_tokens, _text.HiddenSize), make.Floats(_text.VocabularySize, _text.HiddenSize));
        var objective = new ObjectiveOptions { Ratio = ImportanceRatio.Token, ClipLow = 0.8f, ClipHigh = 1.28f };
        return new("HeadObjective", head.Shape, head.Bytes(_size), 6.0 * head.Products, () => backend.HeadObjective(dHidden, dWeight, head.Results, head.Hidden, head.Weight, head.Inputs, head.Workspace, objective));
    }

    private MeasuredOperation SampleTokens(DeviceOperands make)
    {
        var (rows, vocabulary) = (options.Batch, _text.VocabularySize);
        var (logits, tokens, scores, numbers) = (make.Floats(rows, vocabulary), make.Integers(rows, _ => 0), make.Floats(rows), make.Integers(rows, n => n));
        return new("SampleTokens", $"{rows} x {vocabulary}", 8.0 * rows * vocabulary, 0, () => backend.SampleTokens(tokens, scores, logits, numbers, numbers, new SamplingOptions { Seed = 1 }));
    }

    private MeasuredOperation GradientNorm(DeviceOperands make)
    {
        var count = OptimizerElements;
        var (state, gradients) = (make.Floats(Backend.GradientStateLength), make.Floats(count));
        return new("GradientNorm", $"{count}", 4.0 * count, 0, () => backend.GradientNorm(state, gradients, 1f));
    }

    private MeasuredOperation AdamW(DeviceOperands make)
    {
        var count = OptimizerElements;
        var (parameters, gradients, firstMoments, secondMoments) = (make.Floats(count), make.Floats(count), make.Floats(count), make.Floats(count));
        backend.Fill(secondMoments, 0.5f);
        // The norm, the clip factor, the finite flag.
        var state = make.Floats([1f, 1f, 1f, 0f]);
        return new("AdamW", $"{count}", 28.0 * count, 0, () => backend.AdamW(parameters, firstMoments, secondMoments, gradients, state,
            new AdamWStep { LearningRate = 1e-5, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.05, Step = 10 }));
    }

    private MeasuredOperation SelectTrajectories(DeviceOperands make)
    {
        const int pairs = 64, captions = 8, answers = 8;
        var (rewards, captionRewards) = (make.Floats(pairs, captions * answers), make.Floats(pairs, captions));
        var outcomes = make.Floats(pairs, captions * answers);
        var lengths = make.RandomIntegers(pairs * captions * answers, 1000).Reshape(pairs, captions * answers);
        var selection = new SelectionOptions { Captions = captions, Answers = answers };
        return new("PropagateRewards, SelectTrajectories", $"{pairs * captions * answers} trajectories", 16.0 * pairs * captions * answers, 0, () =>
        {
            backend.PropagateRewards(captionRewards, outcomes);
            backend.SelectTrajectories(rewards, captionRewards, outcomes, lengths, selection);
        });
    }
}
