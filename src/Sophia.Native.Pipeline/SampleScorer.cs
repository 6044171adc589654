using Sophia.Native.Models;

namespace Sophia.Native.Pipeline;

/// <summary>Scores sequences one at a time, in a workspace that grows to the longest.</summary>
/// <param name="model">The model.</param>
public sealed class SampleScorer(InternVL model) : IDisposable
{
    private ModelWorkspace? _workspace;
    private int _tokens;
    private int _tiles;

    /// <summary>Log-probability and entropy of every token; entry i belongs to the prediction of token i, entry 0 is 0.</summary>
    /// <param name="sample">The sequence.</param>
    /// <param name="temperature">Divides the logits.</param>
    /// <exception cref="InvalidDataException">The sample does not fit the model.</exception>
    public (float[] LogProbabilities, float[] Entropies) Score(Sample sample, float temperature)
    {
        ArgumentNullException.ThrowIfNull(sample);
        var workspace = Workspace(sample);
        workspace.Batch.Pack([sample], model.ImageTokenId);
        model.Forward(workspace);
        var (logProbabilities, entropies) = model.Score(workspace, temperature);
        return (Shift(logProbabilities), Shift(entropies));
    }

    /// <summary>Frees the workspace.</summary>
    public void Dispose() => _workspace?.Dispose();

    private ModelWorkspace Workspace(Sample sample)
    {
        if (sample.Length > model.MaximumPositions)
            model.Check(sample);
        if (_workspace is not null && sample.Length <= _tokens && sample.TileCount <= _tiles)
            return _workspace;
        _tokens = Math.Min(model.MaximumPositions, Math.Max(_tokens, sample.Length + sample.Length / 4));
        _tiles = Math.Max(_tiles, sample.TileCount);
        _workspace?.Dispose();
        _workspace = ModelWorkspace.Allocate(model.Backend, model.Config, new() { MaximumTokens = _tokens, MaximumSequences = 1, MaximumTiles = _tiles, Storage = model.Parameters.Storage, Adapter = model.Parameters.Layout.Adapter });
        return _workspace;
    }

    private float[] Shift(DeviceView rows)
    {
        var values = new float[rows.Length];
        model.Backend.Download<float>(values, rows);
        values.AsSpan(0, values.Length - 1).CopyTo(values.AsSpan(1));
        values[0] = 0;
        return values;
    }
}
