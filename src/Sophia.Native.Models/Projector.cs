namespace Sophia.Native.Models;

/// <summary>InternVL's mlp1: pixel shuffle, LayerNorm, linear, GELU, linear; four patches become one visual token.</summary>
public sealed class Projector
{
    private readonly Backend _backend;
    private readonly InternVLConfig _config;
    private readonly Weight _normWeight;
    private readonly Weight _normBias;
    private readonly LinearLayer _feedForward1;
    private readonly LinearLayer _feedForward2;

    /// <summary>Resolves the projector's parameters.</summary>
    /// <param name="config">The model.</param>
    /// <param name="parameters">The model's parameters.</param>
    public Projector(InternVLConfig config, ParameterSet parameters)
    {
        _backend = parameters.Backend;
        _config = config;
        _normWeight = parameters["projector.norm.weight"];
        _normBias = parameters["projector.norm.bias"];
        _feedForward1 = new(parameters, "projector.fc1");
        _feedForward2 = new(parameters, "projector.fc2");
    }

    /// <summary>Turns the encoder's output into visual tokens.</summary>
    /// <param name="activations">Memory for them.</param>
    /// <param name="encoded">[I * (1 + P), Hv].</param>
    /// <param name="grid">Patches along a side of a tile.</param>
    public void Forward(ProjectorActivations activations, DeviceView encoded, int grid)
    {
        var rows = encoded.Rows / (1 + grid * grid) * (grid * grid / 4);
        var shuffled = activations.Shuffled.RowRange(0, rows);
        var normed = activations.Norm.RowRange(0, rows);
        var hidden = activations.FeedForward1.RowRange(0, rows);
        var gelu = activations.Gelu.RowRange(0, rows);
        _backend.PixelShuffleForward(shuffled, encoded, grid, grid);
        _backend.LayerNormForward(normed, activations.Mean.ColumnRange(0, rows), activations.Inverse.ColumnRange(0, rows), shuffled, _normWeight.Value, _normBias.Value, (float)_config.ProjectorNormEpsilon);
        _feedForward1.Forward(hidden, normed, activations.Adapter);
        _backend.GeluForward(gelu, hidden);
        _feedForward2.Forward(activations.Output.RowRange(0, rows), gelu, activations.Adapter);
    }

    /// <summary>From the gradient of the visual tokens, the gradients of the parameters and, unless absent, of the encoder's output.</summary>
    /// <param name="dEncoded">[I * (1 + P), Hv], overwritten; absent when the encoder is frozen.</param>
    /// <param name="activations">Of the forward pass.</param>
    /// <param name="rows">Number of visual tokens.</param>
    /// <param name="grid">Patches along a side of a tile.</param>
    internal void Backward(DeviceView dEncoded, ProjectorActivations activations, long rows, int grid)
    {
        var dOutput = activations.DOutput.RowRange(0, rows);
        var dHidden = activations.DHidden.RowRange(0, rows);
        _feedForward2.Backward(dHidden, dOutput, activations.Gelu.RowRange(0, rows), activations.Adapter);
        _backend.GeluBackward(dHidden, dHidden, activations.FeedForward1.RowRange(0, rows));
        var needsInput = !_normWeight.Gradient.IsAbsent || !dEncoded.IsAbsent;
        var dNorm = needsInput ? activations.DNorm.RowRange(0, rows) : default;
        _feedForward1.Backward(dNorm, dHidden, activations.Norm.RowRange(0, rows), activations.Adapter);
        if (!needsInput)
            return;
        var dShuffled = activations.DShuffled.RowRange(0, rows);
        _backend.LayerNormBackward(dShuffled, _normWeight.Gradient, _normBias.Gradient, dNorm, activations.Shuffled.RowRange(0, rows), _normWeight.Value,
            activations.Mean.ColumnRange(0, rows), activations.Inverse.ColumnRange(0, rows));
        if (!dEncoded.IsAbsent)
            _backend.PixelShuffleBackward(dEncoded, dShuffled, grid, grid);
    }
}
