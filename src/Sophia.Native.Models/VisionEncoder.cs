namespace Sophia.Native.Models;

/// <summary>
/// InternViT: patch embedding with class token and positions, then pre-norm layers x = x + scale1 * attention(norm1(x)), x = x + scale2 * fc2(gelu(fc1(norm2(x)))), full attention
/// within a tile, no final norm (InternVL's modeling_intern_vit.py). Forward and backward are written out over the operations of <see cref="Backend"/>.
/// </summary>
public sealed class VisionEncoder
{
    private readonly Backend _backend;
    private readonly VisionConfig _config;
    private readonly Layer[] _layers;
    private readonly LinearLayer _patch;
    private readonly Weight _classToken;
    private readonly Weight _positions;
    private readonly float _attentionScale;

    /// <summary>Resolves the encoder's parameters.</summary>
    /// <param name="config">The encoder.</param>
    /// <param name="parameters">The model's parameters.</param>
    public VisionEncoder(VisionConfig config, ParameterSet parameters)
    {
        _backend = parameters.Backend;
        _config = config;
        _patch = new(parameters, "vision.patch");
        _classToken = parameters["vision.class_token"];
        _positions = parameters["vision.positions"];
        _attentionScale = (float)(1 / Math.Sqrt(config.HeadSize));
        _layers = new Layer[config.LayerCount];
        for (var layer = 0; layer < _layers.Length; layer++)
            _layers[layer] = new(parameters, $"vision.layers.{layer}.");
    }

    /// <summary>Encodes tiles; the result is <see cref="VisionActivations.Output"/>.</summary>
    /// <param name="activations">Memory planned for at least that many tiles.</param>
    /// <param name="pixels">[I, 3 * side * side], normalized.</param>
    public void Forward(VisionActivations activations, DeviceView pixels)
    {
        var tiles = (int)pixels.Rows;
        var side = activations.Grid * _config.PatchSize;
        var patchRows = (long)tiles * activations.Grid * activations.Grid;
        var rows = (long)tiles * activations.TokensPerTile;
        var patches = activations.Patches.RowRange(0, patchRows);
        var embeddings = activations.PatchEmbeddings.RowRange(0, patchRows);
        _backend.PatchExtract(patches, pixels, side, side, _config.PatchSize);
        _patch.Forward(embeddings, patches, activations.Adapter);
        _backend.VisionTokensForward(activations.Embeddings.RowRange(0, rows), embeddings, _classToken.Value, Positions(activations));
        var sequences = activations.Sequences(tiles);
        for (var layer = 0; layer < _layers.Length; layer++)
            ForwardLayer(_layers[layer], activations.Layers[layer], rows, sequences, activations.Adapter);
    }

    /// <summary>Adds the gradients of the encoder's parameters, from that of its output in <see cref="VisionGradients.Stream"/>.</summary>
    /// <param name="activations">Of the forward pass over the same tiles.</param>
    /// <param name="tiles">I.</param>
    internal void Backward(VisionActivations activations, int tiles)
    {
        var gradients = activations.Gradients ?? throw new InvalidOperationException("The workspace was planned without training: plan it with ModelPlan.Training.");
        var rows = (long)tiles * activations.TokensPerTile;
        var sequences = activations.Sequences(tiles);
        for (var layer = _layers.Length - 1; layer >= 0; layer--)
        {
            // The last layer ran last, so that what it left is still there.
            if (activations.IsRecomputed && layer < _layers.Length - 1)
                ForwardBranches(_layers[layer], activations.Layers[layer], rows, sequences, activations.Adapter);
            BackwardLayer(_layers[layer], activations.Layers[layer], gradients, rows, sequences, activations.Adapter);
        }
        // Adapters lie in the layers alone.
        if (!_classToken.Gradient.IsAbsent)
            BackwardEmbeddings(activations, gradients, rows);
    }

    private DeviceView Positions(VisionActivations activations)
    {
        if (activations.Positions.IsAbsent)
            return _positions.Value;
        _backend.PositionInterpolationForward(activations.Positions, _positions.Value, activations.Grid, activations.Grid);
        return activations.Positions;
    }

    private void ForwardLayer(in Layer layer, VisionLayerActivations saved, long rows, in AttentionSequences sequences, AdapterWorkspace? adapter)
    {
        ForwardBranches(layer, saved, rows, sequences, adapter);
        _backend.ResidualForward(saved.Output.RowRange(0, rows), saved.Middle.RowRange(0, rows), saved.FeedForward2.RowRange(0, rows), layer.Scale2.Value);
    }

    /// <summary>All of a layer that its backward pass reads: everything but the last residual connection.</summary>
    private void ForwardBranches(in Layer layer, VisionLayerActivations saved, long rows, in AttentionSequences sequences, AdapterWorkspace? adapter)
    {
        var hidden = _config.HiddenSize;
        var input = saved.Input.RowRange(0, rows);
        var normed = saved.Norm1.RowRange(0, rows);
        var queryKeyValue = saved.QueryKeyValue.RowRange(0, rows);
        var attention = saved.Attention.RowRange(0, rows);
        var projection = saved.Projection.RowRange(0, rows);
        var middle = saved.Middle.RowRange(0, rows);
        NormForward(normed, saved.Mean1, saved.Inverse1, input, layer.Norm1, layer.Norm1Bias);
        layer.QueryKeyValue.Forward(queryKeyValue, normed, adapter);
        var query = queryKeyValue.ColumnRange(0, hidden);
        var key = queryKeyValue.ColumnRange(hidden, hidden);
        if (_config.HasQueryKeyNorm)
        {
            var epsilon = (float)_config.QueryKeyNormEpsilon;
            var normedQueryKey = saved.NormedQueryKey.RowRange(0, rows);
            _backend.RmsNormForward(normedQueryKey.ColumnRange(0, hidden), saved.InverseQuery.ColumnRange(0, rows), query, layer.QueryNorm.Value, epsilon);
            _backend.RmsNormForward(normedQueryKey.ColumnRange(hidden, hidden), saved.InverseKey.ColumnRange(0, rows), key, layer.KeyNorm.Value, epsilon);
            query = normedQueryKey.ColumnRange(0, hidden);
            key = normedQueryKey.ColumnRange(hidden, hidden);
        }
        _backend.AttentionForward(attention, saved.LogSumExp.RowRange(0, rows), query, key, queryKeyValue.ColumnRange(2 * hidden, hidden), sequences, _config.HeadSize, _attentionScale);
        layer.Projection.Forward(projection, attention, adapter);
        _backend.ResidualForward(middle, input, projection, layer.Scale1.Value);

        normed = saved.Norm2.RowRange(0, rows);
        var feedForward1 = saved.FeedForward1.RowRange(0, rows);
        var gelu = saved.Gelu.RowRange(0, rows);
        NormForward(normed, saved.Mean2, saved.Inverse2, middle, layer.Norm2, layer.Norm2Bias);
        layer.FeedForward1.Forward(feedForward1, normed, adapter);
        _backend.GeluForward(gelu, feedForward1);
        layer.FeedForward2.Forward(saved.FeedForward2.RowRange(0, rows), gelu, adapter);
    }

    private void BackwardLayer(in Layer layer, VisionLayerActivations saved, VisionGradients gradients, long rows, in AttentionSequences sequences, AdapterWorkspace? adapter)
    {
        var hidden = _config.HiddenSize;
        var stream = gradients.Stream.RowRange(0, rows);
        var branch = gradients.Branch.RowRange(0, rows);
        var dNorm = gradients.Norm.RowRange(0, rows);
        var dFeedForward = gradients.FeedForward.RowRange(0, rows);
        _backend.ResidualBackward(branch, layer.Scale2.Gradient, stream, saved.FeedForward2.RowRange(0, rows), layer.Scale2.Value);
        layer.FeedForward2.Backward(dFeedForward, branch, saved.Gelu.RowRange(0, rows), adapter);
        _backend.GeluBackward(dFeedForward, dFeedForward, saved.FeedForward1.RowRange(0, rows));
        layer.FeedForward1.Backward(dNorm, dFeedForward, saved.Norm2.RowRange(0, rows), adapter);
        NormBackward(stream, dNorm, saved.Middle.RowRange(0, rows), saved.Mean2, saved.Inverse2, layer.Norm2, layer.Norm2Bias);

        _backend.ResidualBackward(branch, layer.Scale1.Gradient, stream, saved.Projection.RowRange(0, rows), layer.Scale1.Value);
        layer.Projection.Backward(dNorm, branch, saved.Attention.RowRange(0, rows), adapter);
        var queryKeyValue = saved.QueryKeyValue.RowRange(0, rows);
        var dQueryKeyValue = gradients.QueryKeyValue.RowRange(0, rows);
        var normedQueryKey = _config.HasQueryKeyNorm ? saved.NormedQueryKey.RowRange(0, rows) : queryKeyValue;
        var dNormedQueryKey = _config.HasQueryKeyNorm ? gradients.NormedQueryKey.RowRange(0, rows) : dQueryKeyValue;
        _backend.AttentionBackward(dNormedQueryKey.ColumnRange(0, hidden), dNormedQueryKey.ColumnRange(hidden, hidden), dQueryKeyValue.ColumnRange(2 * hidden, hidden), gradients.Delta.RowRange(0, rows),
            dNorm, normedQueryKey.ColumnRange(0, hidden), normedQueryKey.ColumnRange(hidden, hidden), queryKeyValue.ColumnRange(2 * hidden, hidden),
            saved.Attention.RowRange(0, rows), saved.LogSumExp.RowRange(0, rows), sequences, _config.HeadSize, _attentionScale);
        if (_config.HasQueryKeyNorm)
        {
            _backend.RmsNormBackward(dQueryKeyValue.ColumnRange(0, hidden), layer.QueryNorm.Gradient, dNormedQueryKey.ColumnRange(0, hidden), queryKeyValue.ColumnRange(0, hidden), layer.QueryNorm.Value, saved.InverseQuery.ColumnRange(0, rows));
            _backend.RmsNormBackward(dQueryKeyValue.ColumnRange(hidden, hidden), layer.KeyNorm.Gradient, dNormedQueryKey.ColumnRange(hidden, hidden), queryKeyValue.ColumnRange(hidden, hidden), layer.KeyNorm.Value, saved.InverseKey.ColumnRange(0, rows));
        }
        layer.QueryKeyValue.Backward(dNorm, dQueryKeyValue, saved.Norm1.RowRange(0, rows), adapter);
        NormBackward(stream, dNorm, saved.Input.RowRange(0, rows), saved.Mean1, saved.Inverse1, layer.Norm1, layer.Norm1Bias);
    }

    private void BackwardEmbeddings(VisionActivations activations, VisionGradients gradients, long rows)
    {
        var patchCount = activations.TokensPerTile - 1;
        var patchRows = rows / activations.TokensPerTile * patchCount;
        var dPatches = gradients.Patches.RowRange(0, patchRows);
        var interpolated = !activations.Positions.IsAbsent;
        var dPositions = _positions.Gradient;
        if (interpolated && !dPositions.IsAbsent)
        {
            dPositions = gradients.Positions.RowRange(0, activations.TokensPerTile);
            _backend.Fill(dPositions, 0f);
        }
        _backend.VisionTokensBackward(dPatches, _classToken.Gradient, dPositions, gradients.Stream.RowRange(0, rows), patchCount);
        if (interpolated && !dPositions.IsAbsent)
            _backend.PositionInterpolationBackward(_positions.Gradient, dPositions, activations.Grid, activations.Grid);
        _patch.Backward(default, dPatches, activations.Patches.RowRange(0, patchRows), activations.Adapter);
    }

    private void NormForward(DeviceView output, DeviceView mean, DeviceView inverse, DeviceView input, in Weight weight, in Weight bias)
    {
        var rows = input.Rows;
        if (_config.Normalization == VisionNormalization.LayerNorm)
            _backend.LayerNormForward(output, mean.ColumnRange(0, rows), inverse.ColumnRange(0, rows), input, weight.Value, bias.Value, (float)_config.NormEpsilon);
        else
            _backend.RmsNormForward(output, inverse.ColumnRange(0, rows), input, weight.Value, (float)_config.NormEpsilon);
    }

    private void NormBackward(DeviceView stream, DeviceView dOutput, DeviceView input, DeviceView mean, DeviceView inverse, in Weight weight, in Weight bias)
    {
        var rows = input.Rows;
        if (_config.Normalization == VisionNormalization.LayerNorm)
            _backend.LayerNormBackward(stream, weight.Gradient, bias.Gradient, dOutput, input, weight.Value, mean.ColumnRange(0, rows), inverse.ColumnRange(0, rows), accumulate: true);
        else
            _backend.RmsNormBackward(stream, weight.Gradient, dOutput, input, weight.Value, inverse.ColumnRange(0, rows), accumulate: true);
    }

    private readonly struct Layer(ParameterSet parameters, string prefix)
    {
        public readonly Weight Norm1 = parameters[prefix + "norm1.weight"];
        public readonly Weight Norm1Bias = parameters.Optional(prefix + "norm1.bias");
        public readonly LinearLayer QueryKeyValue = new(parameters, prefix + "qkv");
        public readonly Weight QueryNorm = parameters.Optional(prefix + "query_norm.weight");
        public readonly Weight KeyNorm = parameters.Optional(prefix + "key_norm.weight");
        public readonly LinearLayer Projection = new(parameters, prefix + "projection");
        public readonly Weight Scale1 = parameters[prefix + "scale1"];
        public readonly Weight Norm2 = parameters[prefix + "norm2.weight"];
        public readonly Weight Norm2Bias = parameters.Optional(prefix + "norm2.bias");
        public readonly LinearLayer FeedForward1 = new(parameters, prefix + "fc1");
        public readonly LinearLayer FeedForward2 = new(parameters, prefix + "fc2");
        public readonly Weight Scale2 = parameters[prefix + "scale2"];
    }
}
