using System.Globalization;
using Sophia.Native.Rewards;

namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>The numbers of a round; the defaults are the paper's.</summary>
public sealed record RolloutOptions
{
    /// <summary>K, captions of an (image, question) pair.</summary>
    public int Captions { get; init; } = 8;

    /// <summary>N, answers to a caption.</summary>
    public int Answers { get; init; } = 8;

    /// <summary>A caption passes when its reward is strictly greater.</summary>
    public float Alpha { get; init; } = 0.75f;

    /// <summary>KEEP, trajectories kept of a pair.</summary>
    public int Keep { get; init; } = 1;

    /// <summary>Which answers are kept.</summary>
    public SelectionMode Mode { get; init; } = SelectionMode.Shortest;

    /// <summary>Seed of everything that is drawn in the round.</summary>
    public uint Seed { get; init; }

    /// <summary>The questions of this run.</summary>
    public Shard Shard { get; init; } = Shard.Whole;

    /// <summary>Whether trajectories that were not selected are written too (with <c>"selected":false</c>, which training skips).</summary>
    public bool WriteUnselected { get; init; } = true;

    /// <summary>These options with the K, N and seed under which the stages of a store were begun, where they were.</summary>
    public RolloutOptions WithNumbersOf(RolloutStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        IReadOnlyDictionary<string, string>? begun = store.OptionsOf("reason") ?? store.OptionsOf("caption");
        if (begun is null) return this;
        return this with
        {
            Captions = Number(begun, "captions", Captions),
            Answers = Number(begun, "answers", Answers),
            Seed = begun.TryGetValue("seed", out string? seed) && uint.TryParse(seed, CultureInfo.InvariantCulture, out uint value) ? value : Seed,
        };
    }

    private static int Number(IReadOnlyDictionary<string, string> options, string name, int otherwise) =>
        options.TryGetValue(name, out string? text) && int.TryParse(text, CultureInfo.InvariantCulture, out int number) ? number : otherwise;

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Captions, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Answers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Keep, 1);
        if (!float.IsFinite(Alpha)) throw new ArgumentOutOfRangeException(nameof(Alpha), Alpha, "Expected a finite threshold.");
        if (Shard.Count == 0) throw new ArgumentException("Expected a shard made by its constructor or Shard.Whole.");
    }
}
