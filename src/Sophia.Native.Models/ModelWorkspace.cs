using Sophia.Native.Objectives;

namespace Sophia.Native.Models;

/// <summary>All memory that a batch needs besides the parameters: the packed batch, activations, their gradients, the head's chunk. Planned once; a step allocates nothing.</summary>
public sealed class ModelWorkspace : IDisposable
{
    private readonly Arena _arena;

    private ModelWorkspace(Arena arena, Slices slices)
    {
        _arena = arena;
        Batch = slices.Batch;
        Vision = slices.Vision;
        Projector = slices.Projector;
        Decoder = slices.Decoder;
        HeadWorkspace = slices.HeadWorkspace;
        Results = slices.Results;
        SequenceLogRatios = slices.SequenceLogRatios;
    }

    /// <summary>The batch that the model runs over.</summary>
    public PackedBatch Batch { get; }

    /// <summary>Memory of the vision encoder.</summary>
    public VisionActivations Vision { get; }

    /// <summary>Memory of the projector.</summary>
    public ProjectorActivations Projector { get; }

    /// <summary>Memory of the decoder.</summary>
    public DecoderActivations Decoder { get; }

    /// <summary>Bytes of the workspace.</summary>
    public long Bytes => _arena.PeakBytes;

    /// <summary>What the bytes are for, in the order of planning.</summary>
    public IReadOnlyList<(string Name, long Bytes)> Entries => _arena.Entries;

    internal DeviceView HeadWorkspace { get; }

    internal ObjectiveResults Results { get; }

    internal DeviceView SequenceLogRatios { get; }

    /// <summary>Plans and allocates.</summary>
    /// <param name="backend">Where the memory lies.</param>
    /// <param name="config">The model.</param>
    /// <param name="plan">The sizes.</param>
    public static ModelWorkspace Allocate(Backend backend, InternVLConfig config, ModelPlan plan)
    {
        Check(config, plan);
        try
        {
            var (arena, slices) = Arena.Build(backend, "activations", arena => new Slices(arena, backend, config, plan));
            return new(arena, slices);
        }
        catch (DeviceMemoryException refusal)
        {
            throw new DeviceMemoryException($"{refusal.Message} The plan: {plan.MaximumTokens} tokens, {plan.MaximumSequences} sequences, {plan.MaximumTiles} tiles. {WhatFits(backend, config, plan, refusal.FreeBytes)}",
                refusal.RequestedBytes, refusal.FreeBytes, refusal);
        }
    }

    /// <summary>The plan without the memory: what each slice would take.</summary>
    /// <param name="backend">The backend it would be made for.</param>
    /// <param name="config">The model.</param>
    /// <param name="plan">The sizes.</param>
    public static Arena Measure(Backend backend, InternVLConfig config, ModelPlan plan)
    {
        Check(config, plan);
        var arena = Arena.Measure("activations");
        _ = new Slices(arena, backend, config, plan);
        return arena;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _arena.Dispose();

    /// <summary>The largest batch that the free memory holds: fewer tokens, or, where the tiles alone are too much, fewer of both.</summary>
    private static string WhatFits(Backend backend, InternVLConfig config, ModelPlan plan, long free)
    {
        bool Fits(int tokens, int tiles) => Measure(backend, config, plan with { MaximumTokens = tokens, MaximumTiles = tiles }).PeakBytes <= free;
        var tiles = Fits(1, plan.MaximumTiles) ? plan.MaximumTiles : Largest(plan.MaximumTiles, count => Fits(1, count));
        var tokens = Largest(plan.MaximumTokens, count => Fits(count, tiles));
        return tokens == 0 ? "Not even one token would fit."
            : $"About {tokens} tokens would fit with {tiles} tiles.";
    }

    /// <summary>The largest number up to a limit for which a condition holds that holds for all smaller ones; 0 where it holds for none.</summary>
    private static int Largest(int limit, Predicate<int> holds)
    {
        var (known, refused) = (0, limit + 1);
        while (refused - known > 1)
        {
            var middle = known + (refused - known) / 2;
            if (holds(middle))
                known = middle;
            else
                refused = middle;
        }
        return known;
    }

    private static void Check(InternVLConfig config, ModelPlan plan)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(plan.MaximumTokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(plan.MaximumSequences);
        ArgumentOutOfRangeException.ThrowIfNegative(plan.MaximumTiles);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(plan.HeadChunk);
        if (plan.TileSize % (2 * config.Vision.PatchSize) != 0)
            throw new ArgumentException($"Expected tiles of an even number of patches of {config.Vision.PatchSize} pixels, found a side of {plan.TileSize}.");
    }

    private sealed class Slices
    {
        public Slices(Arena arena, Backend backend, InternVLConfig config, ModelPlan plan)
        {
            var tileSize = plan.TileSize == 0 ? config.TileSize : plan.TileSize;
            long patches = (long)(tileSize / config.Vision.PatchSize) * (tileSize / config.Vision.PatchSize);
            var visualTokens = plan.MaximumTiles * patches / 4;
            Batch = new(arena, backend, config, plan, tileSize);
            var adapter = plan.Adapter is null ? null : new AdapterWorkspace(arena, backend, config, plan.Adapter, plan.Storage, plan.MaximumTiles * (1 + patches), visualTokens, plan.MaximumTokens, plan.Training);
            Vision = new(arena, backend, config.Vision, plan.Storage, tileSize, plan.MaximumTiles, plan.TrainsVision, plan.Recompute) { Adapter = adapter };
            Projector = new(arena, config, plan.Storage, visualTokens, plan.TrainsProjector || plan.TrainsVision) { Adapter = adapter };
            Decoder = new(arena, config.Text, plan.Storage, plan.MaximumTokens, plan.Training, plan.Recompute) { Adapter = adapter };
            // Rows that begin at whole slices of 64 bytes: products off 16 bytes are slow on a GPU, and the vocabulary is 151,674.
            const int alignedFloats = Arena.Alignment / sizeof(float);
            var vocabulary = config.Text.VocabularySize;
            HeadWorkspace = arena.Take("logits of a chunk", Math.Min(plan.HeadChunk, plan.MaximumTokens), (vocabulary + alignedFloats - 1) / alignedFloats * alignedFloats).ColumnRange(0, vocabulary);
            Results = new()
            {
                LogProbabilities = arena.Take("log-probabilities", 1, plan.MaximumTokens),
                Entropies = arena.Take("entropies", 1, plan.MaximumTokens),
                Losses = arena.Take("losses", 1, plan.MaximumTokens),
                Ratios = arena.Take("ratios", 1, plan.MaximumTokens),
            };
            SequenceLogRatios = arena.Take("sequence log ratios", 1, plan.MaximumTokens);
        }

        public PackedBatch Batch { get; }

        public VisionActivations Vision { get; }

        public ProjectorActivations Projector { get; }

        public DecoderActivations Decoder { get; }

        public DeviceView HeadWorkspace { get; }

        public ObjectiveResults Results { get; }

        public DeviceView SequenceLogRatios { get; }
    }
}
