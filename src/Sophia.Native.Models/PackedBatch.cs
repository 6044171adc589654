namespace Sophia.Native.Models;

/// <summary>
/// Several samples end to end, without padding, in device memory. Row n of the packed tokens predicts token n + 1 of its sequence, so that the targets, weights and
/// log-probabilities of a sample are shifted by one here; the last row of a sequence predicts nothing.
/// </summary>
public sealed class PackedBatch
{
    private readonly Backend _backend;
    private readonly InternVLConfig _config;
    private readonly int _visualTokensPerTile;
    private readonly int _tileElements;
    private readonly DeviceView _ids, _positions, _visualRows, _targets, _trainedTargets, _offsets, _keyLengths;
    private readonly DeviceView _weights, _normalizers, _behavior, _snapshot, _reference, _pixels;
    private readonly int[] _hostIds, _hostPositions, _hostVisualRows, _hostTargets, _hostTrainedTargets, _hostOffsets, _hostKeyLengths;
    private readonly float[] _hostWeights, _hostBehavior, _hostReference;
    private readonly byte[] _hostTrained;
    private int _longest;

    internal PackedBatch(Arena arena, Backend backend, InternVLConfig config, ModelPlan plan, int tileSize)
    {
        _backend = backend;
        _config = config;
        var grid = tileSize / config.Vision.PatchSize;
        _visualTokensPerTile = grid * grid / 4;
        _tileElements = 3 * tileSize * tileSize;
        var (tokens, sequences) = (plan.MaximumTokens, plan.MaximumSequences);
        _ids = arena.Take("ids", 1, tokens, ElementType.Int32);
        _positions = arena.Take("positions", 1, tokens, ElementType.Int32);
        _visualRows = arena.Take("visual rows", 1, tokens, ElementType.Int32);
        _targets = arena.Take("targets", 1, tokens, ElementType.Int32);
        _trainedTargets = arena.Take("trained targets", 1, tokens, ElementType.Int32);
        _offsets = arena.Take("sequence offsets", 1, sequences + 1, ElementType.Int32);
        _keyLengths = arena.Take("sequence lengths", 1, sequences, ElementType.Int32);
        _weights = arena.Take("token weights", 1, tokens);
        _normalizers = arena.Take("normalizers", 1, tokens);
        _behavior = arena.Take("behavior log-probabilities", 1, tokens);
        _snapshot = arena.Take("snapshot log-probabilities", 1, tokens);
        _reference = arena.Take("reference log-probabilities", 1, tokens);
        _pixels = arena.Take("pixels", plan.MaximumTiles, _tileElements);
        _hostIds = new int[tokens];
        _hostPositions = new int[tokens];
        _hostVisualRows = new int[tokens];
        _hostTargets = new int[tokens];
        _hostTrainedTargets = new int[tokens];
        _hostOffsets = new int[sequences + 1];
        _hostKeyLengths = new int[sequences];
        _hostWeights = new float[tokens];
        _hostBehavior = new float[tokens];
        _hostReference = new float[tokens];
        _hostTrained = new byte[tokens];
    }

    /// <summary>N, number of packed tokens.</summary>
    public int TokenCount { get; private set; }

    /// <summary>B, number of sequences.</summary>
    public int SequenceCount { get; private set; }

    /// <summary>I, number of image tiles.</summary>
    public int TileCount { get; private set; }

    /// <summary>T of the longest sequence.</summary>
    public int LongestSequence => _longest;

    /// <summary>Number of visual tokens.</summary>
    public int VisualTokenCount => TileCount * _visualTokensPerTile;

    /// <summary>[B + 1] where each sequence starts.</summary>
    public ReadOnlySpan<int> Offsets => _hostOffsets.AsSpan(0, SequenceCount + 1);

    /// <summary>[N]: 1 where the prediction that row n makes is trained, else 0.</summary>
    public ReadOnlySpan<byte> Trained => _hostTrained.AsSpan(0, TokenCount);

    /// <summary>[I, 3 * side * side].</summary>
    public DeviceView Pixels => _pixels.RowRange(0, TileCount);

    /// <summary>[N] Int32.</summary>
    public DeviceView Ids => Head(_ids);

    /// <summary>[N] Int32: the token that row n predicts, minus one at the end of a sequence.</summary>
    public DeviceView Targets => Head(_targets);

    /// <summary>[N] Int32: the token that row n predicts where that is trained, minus one elsewhere, so that an update computes no logits of prompts.</summary>
    public DeviceView TrainedTargets => Head(_trainedTargets);

    /// <summary>[N]: rewards or advantages.</summary>
    public DeviceView Weights => Head(_weights);

    /// <summary>[N]: see <see cref="SetNormalizers"/>.</summary>
    public DeviceView Normalizers => Head(_normalizers);

    /// <summary>[N]: log-probabilities of the behavior policy; 0 where the samples have none.</summary>
    public DeviceView BehaviorLogProbabilities => Head(_behavior);

    /// <summary>[N]: workspace for the policy's own log-probabilities at the start of the round.</summary>
    public DeviceView SnapshotLogProbabilities => Head(_snapshot);

    /// <summary>[N]: log-probabilities of the reference; 0 where the samples have none.</summary>
    public DeviceView ReferenceLogProbabilities => Head(_reference);

    /// <summary>[B + 1] Int32.</summary>
    public DeviceView SequenceOffsets => _offsets.ColumnRange(0, SequenceCount + 1);

    /// <summary>The packed tokens for the decoder.</summary>
    /// <param name="ropeTable">Rotary cosines and sines.</param>
    public DecoderTokens Tokens(DeviceView ropeTable) => new()
    {
        Ids = Ids,
        Positions = Head(_positions),
        VisualRows = Head(_visualRows),
        RopeTable = ropeTable,
        Sequences = new()
        {
            QueryOffsets = SequenceOffsets,
            KeyOffsets = _offsets.ColumnRange(0, SequenceCount),
            KeyLengths = _keyLengths.ColumnRange(0, SequenceCount),
            MaximumQueries = _longest,
            MaximumKeys = _longest,
            Causal = true,
        },
    };

    /// <summary>Replaces the contents by these samples.</summary>
    /// <param name="samples">At least one; together within the plan.</param>
    /// <param name="imageTokenId">The id whose embedding a visual token replaces, or minus one where the model's tokenizer has none.</param>
    /// <exception cref="InvalidDataException">A sample has an id out of range, visual positions that do not match its tiles, lists of other lengths, or is too long.</exception>
    /// <exception cref="ArgumentException">The samples exceed the plan.</exception>
    public void Pack(ReadOnlySpan<Sample> samples, int imageTokenId)
    {
        var (token, tile) = (0, 0);
        _longest = 0;
        if (samples.Length >= _hostOffsets.Length)
            throw new ArgumentException($"The workspace was planned for {_hostOffsets.Length - 1} sequences, found {samples.Length}: raise ModelPlan.MaximumSequences or pack fewer.");
        for (var s = 0; s < samples.Length; s++)
        {
            var sample = samples[s];
            Check(sample, _config, _visualTokensPerTile, _tileElements, imageTokenId);
            if (token + sample.Length > _hostIds.Length || tile + sample.TileCount > _pixels.Rows)
                throw new ArgumentException($"The workspace was planned for {_hostIds.Length} tokens and {_pixels.Rows} tiles; sample '{sample.Id}' would end at {token + sample.Length} and {tile + sample.TileCount}: raise the token budget or pack fewer.");
            _hostOffsets[s] = token;
            _hostKeyLengths[s] = sample.Length;
            _longest = Math.Max(_longest, sample.Length);
            Place(sample, token, tile * _visualTokensPerTile, imageTokenId);
            if (sample.TileCount > 0)
                _backend.Upload<float>(_pixels.RowRange(tile, sample.TileCount), sample.PixelValues);
            token += sample.Length;
            tile += sample.TileCount;
        }
        _hostOffsets[samples.Length] = token;
        (TokenCount, SequenceCount, TileCount) = (token, samples.Length, tile);
        UploadAll();
    }

    /// <summary>Sets the factor of every token's loss: 0 for tokens that are not trained.</summary>
    /// <param name="normalizers">[N].</param>
    public void SetNormalizers(ReadOnlySpan<float> normalizers) => _backend.Upload(Normalizers, normalizers);

    internal static void Check(Sample sample, InternVLConfig config, int visualTokensPerTile, int tileElements, int imageTokenId)
    {
        ArgumentNullException.ThrowIfNull(sample);
        if (sample.Length == 0)
            throw new InvalidDataException($"Sample '{sample.Id}': expected at least one token, found none.");
        if (sample.Length > config.Text.MaximumPositions)
            throw new InvalidDataException($"Sample '{sample.Id}' has {sample.Length} tokens, the model was {(config.Text.RopeLength is null ? "trained" : "prepared")} for {config.Text.MaximumPositions} ({config.Text.LengthKey}): {config.Text.LengthAdvice}.");
        CheckLength(sample, "loss_mask", sample.LossMask?.Length);
        CheckLength(sample, "token_weights", sample.TokenWeights?.Length);
        CheckLength(sample, "behavior_logprobs", sample.BehaviorLogProbabilities?.Length);
        CheckLength(sample, "reference_logprobs", sample.ReferenceLogProbabilities?.Length);
        var visual = 0;
        for (var i = 0; i < sample.Length; i++)
        {
            var id = sample.InputIds[i];
            if ((uint)id >= (uint)config.Text.VocabularySize)
                throw new InvalidDataException($"Sample '{sample.Id}': expected token ids in [0, {config.Text.VocabularySize}), found {id} at position {i}.");
            visual += IsVisual(sample, i, imageTokenId) ? 1 : 0;
        }
        if (visual != sample.TileCount * visualTokensPerTile)
            throw new InvalidDataException($"Sample '{sample.Id}': {sample.TileCount} tiles need {sample.TileCount * visualTokensPerTile} image tokens with loss_mask 0 ({visualTokensPerTile} each), found {visual}.");
        if ((sample.PixelValues?.Length ?? 0) != sample.TileCount * (long)tileElements)
            throw new InvalidDataException($"Sample '{sample.Id}': expected {sample.TileCount} tiles of {tileElements} pixel values, found {sample.PixelValues?.Length ?? 0} values.");
    }

    /// <summary>
    /// Whether a token stands for a part of an image. One that is trained was drawn by a policy: it showed no image when it was drawn, so that it keeps its own embedding here too.
    /// </summary>
    private static bool IsVisual(Sample sample, int index, int imageTokenId) => sample.InputIds[index] == imageTokenId && (sample.LossMask is null || !sample.LossMask[index]);

    private static void CheckLength(Sample sample, string name, int? length)
    {
        if (length is not null && length != sample.Length)
            throw new InvalidDataException($"Sample '{sample.Id}': {name} must have an entry for each of {sample.Length} tokens, found {length}.");
    }

    private void Place(Sample sample, int start, int visualRow, int imageTokenId)
    {
        for (var i = 0; i < sample.Length; i++)
        {
            var row = start + i;
            var predicted = i + 1;
            var predicts = predicted < sample.Length;
            _hostIds[row] = sample.InputIds[i];
            _hostPositions[row] = i;
            _hostVisualRows[row] = IsVisual(sample, i, imageTokenId) ? visualRow++ : -1;
            _hostTargets[row] = predicts ? sample.InputIds[predicted] : -1;
            _hostTrained[row] = predicts && sample.LossMask is not null && sample.LossMask[predicted] ? (byte)1 : (byte)0;
            _hostTrainedTargets[row] = _hostTrained[row] == 1 ? _hostTargets[row] : -1;
            _hostWeights[row] = predicts ? sample.TokenWeights?[predicted] ?? 1f : 0f;
            _hostBehavior[row] = predicts ? sample.BehaviorLogProbabilities?[predicted] ?? 0f : 0f;
            _hostReference[row] = predicts ? sample.ReferenceLogProbabilities?[predicted] ?? 0f : 0f;
        }
    }

    private void UploadAll()
    {
        _backend.Upload<int>(Ids, _hostIds.AsSpan(0, TokenCount));
        _backend.Upload<int>(Head(_positions), _hostPositions.AsSpan(0, TokenCount));
        _backend.Upload<int>(Head(_visualRows), _hostVisualRows.AsSpan(0, TokenCount));
        _backend.Upload<int>(Targets, _hostTargets.AsSpan(0, TokenCount));
        _backend.Upload<int>(TrainedTargets, _hostTrainedTargets.AsSpan(0, TokenCount));
        _backend.Upload<int>(SequenceOffsets, _hostOffsets.AsSpan(0, SequenceCount + 1));
        _backend.Upload<int>(_keyLengths.ColumnRange(0, SequenceCount), _hostKeyLengths.AsSpan(0, SequenceCount));
        _backend.Upload<float>(Weights, _hostWeights.AsSpan(0, TokenCount));
        _backend.Upload<float>(BehaviorLogProbabilities, _hostBehavior.AsSpan(0, TokenCount));
        _backend.Upload<float>(ReferenceLogProbabilities, _hostReference.AsSpan(0, TokenCount));
    }

    private DeviceView Head(DeviceView view) => view.ColumnRange(0, TokenCount);
}
