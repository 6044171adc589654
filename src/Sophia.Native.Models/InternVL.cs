using Sophia.Native.Objectives;

namespace Sophia.Native.Models;

/// <summary>
/// A vision-language model of the InternVL family: vision encoder, projector, decoder and head. The passes are plain sequences of operations; nothing is recorded and nothing allocated.
/// </summary>
public sealed class InternVL : IDisposable
{
    private readonly DeviceBuffer _ropeBuffer;

    /// <summary>Wires a model to its parameters.</summary>
    /// <param name="config">The model.</param>
    /// <param name="parameters">Its parameters, which stay the caller's.</param>
    /// <param name="imageTokenId">The id whose embedding a visual token replaces; null for the configuration's.</param>
    /// <param name="maximumPositions">Longest sequence to prepare for; 0 for max_position_embeddings or rope_length.</param>
    public InternVL(InternVLConfig config, ParameterSet parameters, int? imageTokenId = null, int maximumPositions = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(parameters);
        CheckHeadSize(config.Vision.HeadSize, "the vision encoder (hidden_size / num_attention_heads)");
        CheckHeadSize(config.Text.HeadSize, "the decoder (head_dim)");
        Config = config;
        Parameters = parameters;
        ImageTokenId = imageTokenId ?? config.ImageTokenId ?? -1;
        MaximumPositions = maximumPositions == 0 ? config.Text.MaximumPositions : Math.Min(maximumPositions, config.Text.MaximumPositions);
        Vision = new(config.Vision, parameters);
        Projector = new(config, parameters);
        Decoder = new(config.Text, parameters);
        var headSize = config.Text.HeadSize;
        _ropeBuffer = parameters.Backend.Allocate((long)MaximumPositions * headSize * sizeof(float));
        RopeTable = _ropeBuffer.AsView().Reshape(MaximumPositions, headSize);
        FillRopeTable();
    }

    /// <summary>The model's configuration.</summary>
    public InternVLConfig Config { get; }

    /// <summary>The model's parameters.</summary>
    public ParameterSet Parameters { get; }

    /// <summary>Where the model runs.</summary>
    public Backend Backend => Parameters.Backend;

    /// <summary>The id whose embedding a visual token replaces, or minus one where none is known.</summary>
    public int ImageTokenId { get; }

    /// <summary>The longest sequence that rotary positions are prepared for.</summary>
    public int MaximumPositions { get; }

    /// <summary>The vision encoder.</summary>
    public VisionEncoder Vision { get; }

    /// <summary>The projector.</summary>
    public Projector Projector { get; }

    /// <summary>The decoder with its head.</summary>
    public Decoder Decoder { get; }

    /// <summary>[positions, D]: rotary cosines and sines.</summary>
    public DeviceView RopeTable { get; }

    /// <summary>Refuses a sample that the model cannot take, before there is any work.</summary>
    /// <param name="sample">The sample, with tiles of the configuration's size.</param>
    /// <exception cref="InvalidDataException">It has an id out of range, image tokens that do not match its tiles, lists of other lengths, or is too long.</exception>
    public void Check(Sample sample) => PackedBatch.Check(sample, Config, Config.VisualTokensPerTile, 3 * Config.TileSize * Config.TileSize, ImageTokenId);

    /// <summary>Runs the model over the packed batch up to the hidden states that enter the head.</summary>
    /// <param name="workspace">Its batch is packed.</param>
    /// <exception cref="InvalidDataException">A sequence is longer than <see cref="MaximumPositions"/>.</exception>
    public void Forward(ModelWorkspace workspace)
    {
        var batch = workspace.Batch;
        if (batch.LongestSequence > MaximumPositions)
            throw new InvalidDataException($"Expected sequences of at most {MaximumPositions} tokens, for which the model was prepared, found one of {batch.LongestSequence}: shorten it.");
        if (batch.TileCount > 0)
            EncodeImages(workspace, batch.Pixels);
        var visual = batch.TileCount > 0 ? workspace.Projector.Output.RowRange(0, batch.VisualTokenCount) : default;
        Decoder.Forward(workspace.Decoder, batch.Tokens(RopeTable), visual);
    }

    /// <summary>Encodes tiles into visual tokens: rows of <see cref="ProjectorActivations.Output"/>, tile after tile.</summary>
    /// <param name="workspace">Planned for at least that many tiles.</param>
    /// <param name="pixels">[I, 3 * side * side].</param>
    public void EncodeImages(ModelWorkspace workspace, DeviceView pixels)
    {
        Vision.Forward(workspace.Vision, pixels);
        var rows = pixels.Rows * workspace.Vision.TokensPerTile;
        Projector.Forward(workspace.Projector, workspace.Vision.Output.RowRange(0, rows), workspace.Vision.Grid);
    }

    /// <summary>After <see cref="Forward"/>: the log-probability of every token and the entropy of its prediction; entry n belongs to the token that row n predicts.</summary>
    /// <param name="workspace">The workspace of the forward pass.</param>
    /// <param name="temperature">Divides the logits.</param>
    /// <returns>[N] log-probabilities and [N] entropies, 0 where nothing is predicted.</returns>
    public (DeviceView LogProbabilities, DeviceView Entropies) Score(ModelWorkspace workspace, float temperature = 1f)
    {
        var rows = workspace.Batch.TokenCount;
        var logProbabilities = workspace.Results.LogProbabilities.ColumnRange(0, rows);
        var entropies = workspace.Results.Entropies.ColumnRange(0, rows);
        Backend.HeadForward(logProbabilities, entropies, workspace.Decoder.FinalNorm.RowRange(0, rows), Decoder.Head.Value, workspace.Batch.Targets, workspace.HeadWorkspace, temperature);
        return (logProbabilities, entropies);
    }

    /// <summary>
    /// After <see cref="Forward"/>: the objective, its statistics, and the gradients of all trained parameters, which are added to what is there.
    /// The batch's normalizers must be set; the snapshot's log-probabilities too where the ratio needs them.
    /// </summary>
    /// <param name="workspace">The workspace of the forward pass, planned for training.</param>
    /// <param name="options">The objective.</param>
    /// <param name="metrics">[<see cref="ObjectiveMetrics.Length"/>] Float64, added to.</param>
    /// <param name="behavior">[N] log mu, or absent where the ratio is one.</param>
    public void Backward(ModelWorkspace workspace, in ObjectiveOptions options, DeviceView metrics, DeviceView behavior = default)
    {
        var batch = workspace.Batch;
        var rows = batch.TokenCount;
        var gradients = workspace.Decoder.Gradients ?? throw new InvalidOperationException("The workspace was planned without training: plan it with ModelPlan.Training.");
        var hidden = workspace.Decoder.FinalNorm.RowRange(0, rows);
        var results = new ObjectiveResults
        {
            LogProbabilities = workspace.Results.LogProbabilities.ColumnRange(0, rows),
            Entropies = workspace.Results.Entropies.ColumnRange(0, rows),
            Losses = workspace.Results.Losses.ColumnRange(0, rows),
            Ratios = workspace.Results.Ratios.ColumnRange(0, rows),
        };
        var sequenceLogRatios = default(DeviceView);
        if (options.Ratio == ImportanceRatio.Sequence)
        {
            sequenceLogRatios = workspace.SequenceLogRatios.ColumnRange(0, rows);
            Backend.HeadForward(results.LogProbabilities, default, hidden, Decoder.Head.Value, batch.TrainedTargets, workspace.HeadWorkspace, options.Temperature);
            Backend.SequenceLogRatios(sequenceLogRatios, results.LogProbabilities, behavior, batch.Normalizers, batch.SequenceOffsets);
        }
        var inputs = new ObjectiveInputs
        {
            Targets = batch.TrainedTargets,
            Weights = batch.Weights,
            Normalizers = batch.Normalizers,
            BehaviorLogProbabilities = behavior,
            SnapshotLogProbabilities = options.Ratio == ImportanceRatio.Multiple ? batch.SnapshotLogProbabilities : default,
            ReferenceLogProbabilities = options.Divergence == DivergenceEstimator.None ? default : batch.ReferenceLogProbabilities,
            SequenceLogRatios = sequenceLogRatios,
        };
        Backend.HeadObjective(gradients.FinalNorm.RowRange(0, rows), Decoder.Head.Gradient, results, hidden, Decoder.Head.Value, inputs, workspace.HeadWorkspace, options);
        Backend.ObjectiveStatistics(metrics, results, inputs, options);
        BackwardFromHidden(workspace);
    }

    /// <summary>Frees what the model itself allocated, not the parameters.</summary>
    public void Dispose() => _ropeBuffer.Dispose();

    private void BackwardFromHidden(ModelWorkspace workspace)
    {
        var batch = workspace.Batch;
        var trainsVision = batch.TileCount > 0 && Parameters.ReceivesGradients(ParameterGroup.Vision);
        var trainsImages = trainsVision || (batch.TileCount > 0 && Parameters.ReceivesGradients(ParameterGroup.Projector));
        var dVisual = trainsImages ? workspace.Projector.DOutput.RowRange(0, batch.VisualTokenCount) : default;
        Decoder.Backward(workspace.Decoder, batch.Tokens(RopeTable), dVisual);
        if (!trainsImages)
            return;
        var vision = workspace.Vision;
        var dEncoded = trainsVision ? vision.Gradients!.Stream.RowRange(0, (long)batch.TileCount * vision.TokensPerTile) : default;
        Projector.Backward(dEncoded, workspace.Projector, batch.VisualTokenCount, vision.Grid);
        if (trainsVision)
            Vision.Backward(vision, batch.TileCount);
    }

    /// <summary>The attention operations serve these sizes; said here, before anything is computed.</summary>
    private static void CheckHeadSize(int headSize, string where)
    {
        if (headSize is < 16 or > 128 || headSize % 16 != 0)
            throw new InvalidDataException($"Expected a head size that is a multiple of 16 from 16 to 128 in {where}, found {headSize}: this model is not supported.");
    }

    private void FillRopeTable()
    {
        var table = new float[(int)RopeTable.Length];
        Models.RopeTable.Fill(table, Config.Text.HeadSize, Config.Text.RopeBase);
        Backend.Upload<float>(RopeTable, table);
    }
}
