namespace Sophia.Native.Models;

/// <summary>
/// The language model: pre-norm layers x = x + output(attention(rope(qkv(norm1(x))))), x = x + down(silu(gate(norm2(x))) * up(norm2(x))), causal attention with grouped heads, a final norm
/// (Qwen2.5 and InternLM2.5). Forward and backward are written out over the operations of <see cref="Backend"/>.
/// </summary>
public sealed class Decoder
{
    private readonly Backend _backend;
    private readonly TextConfig _config;
    private readonly Layer[] _layers;
    private readonly Weight _embedding;
    private readonly Weight _norm;
    private readonly float _attentionScale;
    private readonly int _queryColumns;
    private readonly int _keyColumns;

    /// <summary>Resolves the decoder's parameters.</summary>
    /// <param name="config">The decoder.</param>
    /// <param name="parameters">The model's parameters.</param>
    public Decoder(TextConfig config, ParameterSet parameters)
    {
        _backend = parameters.Backend;
        _config = config;
        _embedding = parameters["decoder.embedding"];
        _norm = parameters["decoder.norm.weight"];
        Head = parameters["decoder.head.weight"];
        _attentionScale = (float)(1 / Math.Sqrt(config.HeadSize));
        _queryColumns = config.HeadCount * config.HeadSize;
        _keyColumns = config.KeyValueHeadCount * config.HeadSize;
        _layers = new Layer[config.LayerCount];
        for (var layer = 0; layer < _layers.Length; layer++)
            _layers[layer] = new(parameters, $"decoder.layers.{layer}.");
    }

    /// <summary>[V, C]: the weight of the head.</summary>
    public Weight Head { get; }

    /// <summary>Runs the decoder over packed tokens; the result is <see cref="DecoderActivations.FinalNorm"/>.</summary>
    /// <param name="activations">Memory planned for at least that many tokens.</param>
    /// <param name="tokens">The packed tokens.</param>
    /// <param name="visual">[M, C]: visual tokens, or absent.</param>
    /// <param name="cache">Keys and values of earlier tokens, to which those of these tokens are added; null to attend within the batch.</param>
    public void Forward(DecoderActivations activations, in DecoderTokens tokens, DeviceView visual, KeyValueCache? cache = null)
    {
        var rows = tokens.Ids.Length;
        _backend.EmbeddingForward(activations.Embeddings.RowRange(0, rows), _embedding.Value, tokens.Ids, visual, tokens.VisualRows);
        for (var layer = 0; layer < _layers.Length; layer++)
            ForwardLayer(layer, activations.Layers[layer], activations.Branch.RowRange(0, rows), tokens, cache, activations.Adapter);
        _backend.RmsNormForward(activations.FinalNorm.RowRange(0, rows), activations.FinalInverse.ColumnRange(0, rows), activations.Last.RowRange(0, rows), _norm.Value, (float)_config.NormEpsilon);
    }

    /// <summary>Adds the gradients of the decoder's parameters, from that of the hidden states in <see cref="DecoderGradients.FinalNorm"/>; writes that of the visual tokens.</summary>
    /// <param name="activations">Of the forward pass over the same tokens.</param>
    /// <param name="tokens">The packed tokens.</param>
    /// <param name="dVisual">[M, C], overwritten; absent when not needed.</param>
    internal void Backward(DecoderActivations activations, in DecoderTokens tokens, DeviceView dVisual)
    {
        var gradients = activations.Gradients ?? throw new InvalidOperationException("The workspace was planned without training: plan it with ModelPlan.Training.");
        var rows = tokens.Ids.Length;
        var stream = gradients.Stream.RowRange(0, rows);
        _backend.RmsNormBackward(stream, _norm.Gradient, gradients.FinalNorm.RowRange(0, rows), activations.Last.RowRange(0, rows), _norm.Value, activations.FinalInverse.ColumnRange(0, rows));
        for (var layer = _layers.Length - 1; layer >= 0; layer--)
        {
            // The last layer ran last, so that what it left is still there.
            if (activations.IsRecomputed && layer < _layers.Length - 1)
                ForwardBranches(layer, activations.Layers[layer], activations.Branch.RowRange(0, rows), tokens, cache: null, activations.Adapter);
            BackwardLayer(_layers[layer], activations.Layers[layer], gradients, tokens, activations.Adapter);
        }
        if (!_embedding.Gradient.IsAbsent || !dVisual.IsAbsent)
            _backend.EmbeddingBackward(_embedding.Gradient, dVisual, stream, tokens.Ids, tokens.VisualRows);
    }

    private void ForwardLayer(int index, DecoderLayerActivations saved, DeviceView branch, in DecoderTokens tokens, KeyValueCache? cache, AdapterWorkspace? adapter)
    {
        ForwardBranches(index, saved, branch, tokens, cache, adapter);
        var rows = tokens.Ids.Length;
        _layers[index].Down.Forward(branch, saved.SwiGlu.RowRange(0, rows), adapter);
        _backend.ResidualForward(saved.Output.RowRange(0, rows), saved.Middle.RowRange(0, rows), branch);
    }

    /// <summary>All of a layer that its backward pass reads: everything but the last product and its residual connection.</summary>
    private void ForwardBranches(int index, DecoderLayerActivations saved, DeviceView branch, in DecoderTokens tokens, KeyValueCache? cache, AdapterWorkspace? adapter)
    {
        ref readonly var layer = ref _layers[index];
        var rows = tokens.Ids.Length;
        var epsilon = (float)_config.NormEpsilon;
        var input = saved.Input.RowRange(0, rows);
        var normed = saved.Norm1.RowRange(0, rows);
        var queryKeyValue = saved.QueryKeyValue.RowRange(0, rows);
        var attention = saved.Attention.RowRange(0, rows);
        var middle = saved.Middle.RowRange(0, rows);
        _backend.RmsNormForward(normed, saved.Inverse1.ColumnRange(0, rows), input, layer.Norm1.Value, epsilon);
        layer.QueryKeyValue.Forward(queryKeyValue, normed, adapter);
        _backend.Rope(queryKeyValue.ColumnRange(0, _queryColumns + _keyColumns), tokens.RopeTable, tokens.Positions, _config.HeadSize);
        var key = queryKeyValue.ColumnRange(_queryColumns, _keyColumns);
        var value = queryKeyValue.ColumnRange(_queryColumns + _keyColumns, _keyColumns);
        if (cache is not null)
        {
            _backend.CacheAppend(cache.Keys(index), cache.Values(index), key, value, tokens.CacheRows);
            key = cache.Keys(index);
            value = cache.Values(index);
        }
        _backend.AttentionForward(attention, saved.LogSumExp.RowRange(0, rows), queryKeyValue.ColumnRange(0, _queryColumns), key, value, tokens.Sequences, _config.HeadSize, _attentionScale);
        layer.Output.Forward(branch, attention, adapter);
        _backend.ResidualForward(middle, input, branch);

        normed = saved.Norm2.RowRange(0, rows);
        var gateUp = saved.GateUp.RowRange(0, rows);
        _backend.RmsNormForward(normed, saved.Inverse2.ColumnRange(0, rows), middle, layer.Norm2.Value, epsilon);
        layer.GateUp.Forward(gateUp, normed, adapter);
        _backend.SwiGluForward(saved.SwiGlu.RowRange(0, rows), gateUp);
    }

    private void BackwardLayer(in Layer layer, DecoderLayerActivations saved, DecoderGradients gradients, in DecoderTokens tokens, AdapterWorkspace? adapter)
    {
        var rows = tokens.Ids.Length;
        var stream = gradients.Stream.RowRange(0, rows);
        var dNorm = gradients.Norm.RowRange(0, rows);
        var dSwiGlu = gradients.SwiGlu.RowRange(0, rows);
        var dGateUp = gradients.GateUp.RowRange(0, rows);
        layer.Down.Backward(dSwiGlu, stream, saved.SwiGlu.RowRange(0, rows), adapter);
        _backend.SwiGluBackward(dGateUp, dSwiGlu, saved.GateUp.RowRange(0, rows));
        layer.GateUp.Backward(dNorm, dGateUp, saved.Norm2.RowRange(0, rows), adapter);
        _backend.RmsNormBackward(stream, layer.Norm2.Gradient, dNorm, saved.Middle.RowRange(0, rows), layer.Norm2.Value, saved.Inverse2.ColumnRange(0, rows), accumulate: true);

        var attention = saved.Attention.RowRange(0, rows);
        var dAttention = gradients.Attention.RowRange(0, rows);
        var queryKeyValue = saved.QueryKeyValue.RowRange(0, rows);
        var dQueryKeyValue = gradients.QueryKeyValue.RowRange(0, rows);
        layer.Output.Backward(dAttention, stream, attention, adapter);
        _backend.AttentionBackward(
            dQueryKeyValue.ColumnRange(0, _queryColumns), dQueryKeyValue.ColumnRange(_queryColumns, _keyColumns), dQueryKeyValue.ColumnRange(_queryColumns + _keyColumns, _keyColumns),
            gradients.Delta.RowRange(0, rows), dAttention,
            queryKeyValue.ColumnRange(0, _queryColumns), queryKeyValue.ColumnRange(_queryColumns, _keyColumns), queryKeyValue.ColumnRange(_queryColumns + _keyColumns, _keyColumns),
            attention, saved.LogSumExp.RowRange(0, rows), tokens.Sequences, _config.HeadSize, _attentionScale);
        _backend.Rope(dQueryKeyValue.ColumnRange(0, _queryColumns + _keyColumns), tokens.RopeTable, tokens.Positions, _config.HeadSize, inverse: true);
        layer.QueryKeyValue.Backward(dNorm, dQueryKeyValue, saved.Norm1.RowRange(0, rows), adapter);
        _backend.RmsNormBackward(stream, layer.Norm1.Gradient, dNorm, saved.Input.RowRange(0, rows), layer.Norm1.Value, saved.Inverse1.ColumnRange(0, rows), accumulate: true);
    }

    private readonly struct Layer(ParameterSet parameters, string prefix)
    {
        public readonly Weight Norm1 = parameters[prefix + "norm1.weight"];
        public readonly LinearLayer QueryKeyValue = new(parameters, prefix + "qkv");
        public readonly LinearLayer Output = new(parameters, prefix + "output");
        public readonly Weight Norm2 = parameters[prefix + "norm2.weight"];
        public readonly LinearLayer GateUp = new(parameters, prefix + "gate_up");
        public readonly LinearLayer Down = new(parameters, prefix + "down");
    }
}
