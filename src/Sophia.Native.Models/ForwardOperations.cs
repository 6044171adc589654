namespace Sophia.Native.Models;

/// <summary>Floating-point operations of the forward pass's matrix products, two for a multiply-add; a backward pass takes twice as many.</summary>
public sealed class ForwardOperations
{
    /// <summary>Counts them.</summary>
    /// <param name="config">The model.</param>
    public ForwardOperations(InternVLConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var (vision, text) = (config.Vision, config.Text);
        double patches = (double)config.TileGrid * config.TileGrid;
        var tokens = 1 + patches;
        double hidden = vision.HiddenSize;
        var layer = 2 * tokens * hidden * (4 * hidden + 2.0 * vision.FeedForwardSize) + 4 * tokens * tokens * hidden;
        var projector = 2 * config.VisualTokensPerTile * ((double)config.ProjectorInputSize * text.HiddenSize + (double)text.HiddenSize * text.HiddenSize);
        PerTile = 2 * patches * vision.PatchLength * hidden + vision.LayerCount * layer + projector;
        var weights = (double)text.HiddenSize * (text.QueryKeyValueSize + text.HeadCount * text.HeadSize + 3.0 * text.FeedForwardSize);
        PerToken = 2 * (text.LayerCount * weights + (double)text.VocabularySize * text.HiddenSize);
        PerTokenAndKey = 4.0 * text.LayerCount * text.HeadCount * text.HeadSize;
    }

    /// <summary>Vision encoder and projector for one tile.</summary>
    public double PerTile { get; }

    /// <summary>Decoder and head for one token, attention scores aside.</summary>
    public double PerToken { get; }

    /// <summary>Attention of the decoder for one token and one key that it sees.</summary>
    public double PerTokenAndKey { get; }
}
