namespace Sophia.Native.Models.Generation;

/// <summary>
/// Continues many prompts at once: free slots of the key-value cache are prefilled with waiting prompts, then every running sequence gets a token per step. What a sequence
/// draws depends neither on its neighbors nor on when it was started, and the recorded log-probabilities are bitwise those of <see cref="InternVL.Score"/>. Decoding allocates nothing per token.
/// </summary>
public sealed class Generator : IDisposable
{
    private readonly InternVL _model;
    private readonly GeneratorPlan _plan;
    private readonly ModelWorkspace _workspace;
    private readonly Arena _arena;
    private readonly Slices _slices;
    private readonly Running[] _running;
    private readonly Stack<int> _freeSlots = new();
    private readonly int[] _drawnTokens;
    private readonly float[] _drawnLogProbabilities;
    private readonly List<(float[] Pixels, int FirstVisualRow)> _encoded = [];
    private int _runningCount;
    private RepetitionPenalty? _penalty;

    /// <summary>Allocates the cache and the workspace.</summary>
    /// <param name="model">The model.</param>
    /// <param name="plan">The sizes.</param>
    public Generator(InternVL model, GeneratorPlan plan)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(plan.Slots);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(plan.Capacity);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(plan.PrefillTokens);
        ArgumentOutOfRangeException.ThrowIfNegative(plan.PrefillTiles);
        _model = model;
        // No sequence is longer than the model's positions, so a larger slot would be memory that nothing reaches.
        _plan = plan = plan with { Capacity = Math.Min(plan.Capacity, model.MaximumPositions) };
        var tokens = Math.Max(plan.PrefillTokens, plan.Slots);
        _workspace = ModelWorkspace.Allocate(model.Backend, model.Config, new() { MaximumTokens = tokens, MaximumSequences = plan.Slots, MaximumTiles = plan.PrefillTiles, HeadChunk = 1, Storage = model.Parameters.Storage, Adapter = model.Parameters.Layout.Adapter });
        (_arena, _slices) = Arena.Build(model.Backend, "generation", arena => new Slices(arena, model, plan, tokens));
        _running = new Running[plan.Slots];
        _drawnTokens = new int[plan.Slots];
        _drawnLogProbabilities = new float[plan.Slots];
    }

    /// <summary>Called with the index of a request, a drawn token and its log-probability, in the order of drawing.</summary>
    public Action<int, int, float>? TokenDrawn { get; set; }

    /// <summary>Bytes of cache and workspace.</summary>
    public long Bytes => _arena.PeakBytes + _workspace.Bytes;

    /// <summary>Continues every prompt.</summary>
    /// <param name="requests">The prompts.</param>
    /// <param name="options">How they are continued.</param>
    /// <param name="cancellation">Ends early with <see cref="OperationCanceledException"/>.</param>
    /// <returns>A result per request, in their order.</returns>
    /// <exception cref="InvalidDataException">A prompt does not fit the model: ids out of range, image tokens that do not match the tiles, or too long.</exception>
    /// <exception cref="ArgumentException">An option is out of range, such as a stop id outside the vocabulary.</exception>
    public GenerationResult[] Generate(IReadOnlyList<GenerationRequest> requests, GenerationOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(options);
        var stops = Stops(options);
        foreach (var request in requests)
            Check(request);
        _penalty = options.RepetitionPenalty == 1f ? null : new(options.RepetitionPenalty, _model.Config.Text.VocabularySize);
        var results = new GenerationResult[requests.Count];
        _freeSlots.Clear();
        for (var slot = _plan.Slots - 1; slot >= 0; slot--)
            _freeSlots.Push(slot);
        _runningCount = 0;
        var waiting = 0;
        while (waiting < requests.Count || _runningCount > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            if (waiting < requests.Count && _freeSlots.Count > 0)
                Prefill(requests, ref waiting, options, results, stops);
            else
                Decode(options, results, stops);
        }
        return results;
    }

    /// <summary>Frees cache and workspace.</summary>
    public void Dispose()
    {
        _arena.Dispose();
        _workspace.Dispose();
    }

    /// <summary>Checks the options and marks the tokens that end a continuation.</summary>
    private bool[] Stops(GenerationOptions options)
    {
        var sampling = options.Sampling;
        if (options.MaximumNewTokens < 1)
            throw new ArgumentException($"Expected at least one new token, found {options.MaximumNewTokens}.", nameof(options));
        if (!float.IsFinite(sampling.Temperature) || sampling.Temperature < 0 || sampling.TopK < 0 || sampling.TopP is not (> 0 and <= 1) || sampling.MinP is not (>= 0 and < 1))
            throw new ArgumentException($"Expected temperature >= 0, top-k >= 0, top-p in (0, 1] and min-p in [0, 1), found {sampling.Temperature}, {sampling.TopK}, {sampling.TopP}, {sampling.MinP}.", nameof(options));
        if (!float.IsFinite(options.RepetitionPenalty) || options.RepetitionPenalty <= 0)
            throw new ArgumentException($"Expected a repetition penalty above 0, 1 for none, found {options.RepetitionPenalty}.", nameof(options));
        var stops = new bool[_model.Config.Text.VocabularySize];
        foreach (var stop in options.StopIds)
        {
            if ((uint)stop >= (uint)stops.Length)
                throw new ArgumentException($"Expected stop ids in [0, {stops.Length}), the vocabulary, found {stop}.", nameof(options));
            stops[stop] = true;
        }
        return stops;
    }

    private void Check(GenerationRequest request)
    {
        var config = _model.Config;
        var prompt = request.PromptIds;
        if (prompt.Length == 0)
            throw new InvalidDataException($"Prompt '{request.Id}': expected at least one token, found none.");
        if (prompt.Length + 1 > _model.MaximumPositions)
            throw new InvalidDataException($"Prompt '{request.Id}' has {prompt.Length} tokens, the model was {(config.Text.RopeLength is null ? "trained" : "prepared")} for {_model.MaximumPositions} with the continuation ({config.Text.LengthKey}): {config.Text.LengthAdvice}.");
        if (prompt.Length > _plan.PrefillTokens)
            throw new InvalidDataException($"Prompt '{request.Id}' has {prompt.Length} tokens, the generator was planned for {_plan.PrefillTokens}: raise GeneratorPlan.PrefillTokens.");
        if (prompt.Length + 1 > _plan.Capacity)
            throw new InvalidDataException($"Prompt '{request.Id}' has {prompt.Length} tokens, a slot holds {_plan.Capacity} with the continuation: raise GeneratorPlan.Capacity.");
        var visual = 0;
        foreach (var id in prompt)
        {
            if ((uint)id >= (uint)config.Text.VocabularySize)
                throw new InvalidDataException($"Prompt '{request.Id}': expected token ids in [0, {config.Text.VocabularySize}), found {id}.");
            visual += id == _model.ImageTokenId ? 1 : 0;
        }
        var expected = request.TileCount * config.VisualTokensPerTile;
        if (visual != expected)
            throw new InvalidDataException($"Prompt '{request.Id}': {request.TileCount} tiles need {expected} image tokens, found {visual}.");
        if (request.TileCount > _plan.PrefillTiles)
            throw new InvalidDataException($"Prompt '{request.Id}' has {request.TileCount} tiles, the generator was planned for {_plan.PrefillTiles}.");
        var pixels = (long)request.TileCount * 3 * config.TileSize * config.TileSize;
        if ((request.PixelValues?.Length ?? 0) != pixels)
            throw new InvalidDataException($"Prompt '{request.Id}': expected {pixels} pixel values, found {request.PixelValues?.Length ?? 0}.");
    }

    private void Prefill(IReadOnlyList<GenerationRequest> requests, ref int waiting, GenerationOptions options, GenerationResult[] results, bool[] stops)
    {
        var batch = _slices.Batch;
        var first = _runningCount;
        var tiles = 0;
        batch.Clear();
        _encoded.Clear();
        while (waiting < requests.Count && _freeSlots.Count > 0)
        {
            var request = requests[waiting];
            var visualRow = FindEncoded(request);
            var newTiles = visualRow < 0 ? request.TileCount : 0;
            if (batch.TokenCount + request.PromptIds.Length > _plan.PrefillTokens || tiles + newTiles > _plan.PrefillTiles)
                break;
            if (newTiles > 0)
            {
                visualRow = tiles * _model.Config.VisualTokensPerTile;
                _model.Backend.Upload<float>(_slices.Pixels.RowRange(tiles, newTiles), request.PixelValues);
                _encoded.Add((request.PixelValues!, visualRow));
                tiles += newTiles;
            }
            AddPrompt(request, waiting, visualRow, options);
            waiting++;
        }
        if (tiles > 0)
            _model.EncodeImages(_workspace, _slices.Pixels.RowRange(0, tiles));
        var visual = tiles > 0 ? _workspace.Projector.Output.RowRange(0, (long)tiles * _model.Config.VisualTokensPerTile) : default;
        Draw(visual, first, options, results, stops);
    }

    private int FindEncoded(GenerationRequest request)
    {
        foreach (var (pixels, firstVisualRow) in _encoded)
        {
            if (ReferenceEquals(pixels, request.PixelValues))
                return firstVisualRow;
        }
        return -1;
    }

    private void AddPrompt(GenerationRequest request, int index, int visualRow, GenerationOptions options)
    {
        var batch = _slices.Batch;
        var slot = _freeSlots.Pop();
        var firstRow = slot * _plan.Capacity;
        var prompt = request.PromptIds;
        for (var position = 0; position < prompt.Length; position++)
        {
            var isVisual = request.TileCount > 0 && prompt[position] == _model.ImageTokenId;
            batch.AddToken(prompt[position], position, isVisual ? visualRow++ : -1, firstRow + position);
        }
        batch.EndSequence(firstRow, prompt.Length, request.SampleNumber);
        var limit = Math.Min(options.MaximumNewTokens, _plan.Capacity - prompt.Length);
        var occurred = _penalty is null ? null : new RepetitionPenalty.Occurred(_model.Config.Text.VocabularySize, prompt.Length + limit);
        foreach (var id in prompt)
            occurred?.Add(id);
        _running[_runningCount++] = new()
        {
            Request = index,
            Slot = slot,
            Length = prompt.Length,
            Sample = request.SampleNumber,
            Tokens = new int[limit],
            LogProbabilities = new float[limit],
            Occurred = occurred,
        };
    }

    private void Decode(GenerationOptions options, GenerationResult[] results, bool[] stops)
    {
        var batch = _slices.Batch;
        batch.Clear();
        for (var i = 0; i < _runningCount; i++)
        {
            ref var sequence = ref _running[i];
            var firstRow = sequence.Slot * _plan.Capacity;
            batch.AddToken(sequence.Tokens[sequence.Drawn - 1], sequence.Length, -1, firstRow + sequence.Length);
            sequence.Length++;
            batch.EndSequence(firstRow, sequence.Length, sequence.Sample);
        }
        Draw(default, 0, options, results, stops);
    }

    /// <summary>Runs the decoder over the described tokens and draws a token for the running sequences from <paramref name="first"/> on.</summary>
    private void Draw(DeviceView visual, int first, GenerationOptions options, GenerationResult[] results, bool[] stops)
    {
        var backend = _model.Backend;
        var batch = _slices.Batch;
        var count = batch.SequenceCount;
        _model.Decoder.Forward(_workspace.Decoder, batch.Upload(_model.RopeTable), visual, _slices.Cache);
        var hidden = _workspace.Decoder.FinalNorm.RowRange(0, batch.TokenCount);
        if (count != batch.TokenCount)
        {
            var last = _slices.Hidden.RowRange(0, count);
            backend.EmbeddingForward(last, hidden, batch.LastRowsView, default, batch.NoVisualRows);
            hidden = last;
        }
        var logits = _slices.Logits.RowRange(0, count);
        backend.LinearForward(logits, hidden, _model.Decoder.Head.Value);
        var tokens = _slices.Tokens.ColumnRange(0, count);
        var logProbabilities = _slices.LogProbabilities.ColumnRange(0, count);
        if (_penalty is not null)
        {
            for (var i = 0; i < count; i++)
                _penalty.Apply(backend, logits.RowRange(i, 1), _running[first + i].Occurred!);
        }
        backend.SampleTokens(tokens, logProbabilities, logits, batch.SamplesView, batch.DrawnPositionsView, options.Sampling);
        // Sampling knew the penalized logits alone; the policy's own log-probability of what it drew comes from the head again.
        if (_penalty is not null)
            backend.HeadForward(logProbabilities, default, hidden, _model.Decoder.Head.Value, tokens, logits, options.Sampling.Temperature == 0 ? 1f : options.Sampling.Temperature);
        backend.Download<int>(_drawnTokens.AsSpan(0, count), tokens);
        backend.Download<float>(_drawnLogProbabilities.AsSpan(0, count), logProbabilities);
        for (var i = 0; i < count; i++)
        {
            ref var sequence = ref _running[first + i];
            sequence.Tokens[sequence.Drawn] = _drawnTokens[i];
            sequence.LogProbabilities[sequence.Drawn] = _drawnLogProbabilities[i];
            sequence.Drawn++;
            sequence.Occurred?.Add(_drawnTokens[i]);
            TokenDrawn?.Invoke(sequence.Request, _drawnTokens[i], _drawnLogProbabilities[i]);
        }
        RemoveFinished(results, stops);
    }

    private void RemoveFinished(GenerationResult[] results, bool[] stops)
    {
        var kept = 0;
        for (var i = 0; i < _runningCount; i++)
        {
            ref var sequence = ref _running[i];
            var stopped = stops[sequence.Tokens[sequence.Drawn - 1]];
            if (stopped || sequence.Drawn == sequence.Tokens.Length)
            {
                results[sequence.Request] = new(sequence.Tokens[..sequence.Drawn], sequence.LogProbabilities[..sequence.Drawn], stopped ? FinishReason.Stop : FinishReason.Length);
                _freeSlots.Push(sequence.Slot);
                continue;
            }
            _running[kept++] = sequence;
        }
        _runningCount = kept;
    }

    private struct Running
    {
        public int Request;
        public int Slot;
        public int Length;
        public int Sample;
        public int Drawn;
        public int[] Tokens;
        public float[] LogProbabilities;
        public RepetitionPenalty.Occurred? Occurred;
    }

    private sealed class Slices(Arena arena, InternVL model, GeneratorPlan plan, int tokens)
    {
        public KeyValueCache Cache { get; } = new(arena, model.Config.Text, model.Parameters.Storage, plan.Slots, plan.Capacity);

        public DecodingBatch Batch { get; } = new(arena, model.Backend, tokens, plan.Slots);

        public DeviceView Pixels { get; } = arena.Take("prefill pixels", plan.PrefillTiles, 3L * model.Config.TileSize * model.Config.TileSize);

        public DeviceView Hidden { get; } = arena.Take("last hidden states", plan.Slots, model.Config.Text.HiddenSize, model.Parameters.Storage);

        public DeviceView Logits { get; } = arena.Take("logits", plan.Slots, model.Config.Text.VocabularySize);

        public DeviceView Tokens { get; } = arena.Take("drawn tokens", 1, plan.Slots, ElementType.Int32);

        public DeviceView LogProbabilities { get; } = arena.Take("drawn log-probabilities", 1, plan.Slots);
    }
}
