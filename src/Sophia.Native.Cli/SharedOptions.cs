using System.CommandLine;

namespace Sophia.Native.Cli;

/// <summary>The options that every verb takes.</summary>
internal static class SharedOptions
{
    private const int MostThreads = 4096;
    private const int MostPositions = 1 << 24;

    public static readonly Option<string> Backend = new("--backend") { Description = "auto, cpu, cuda, ilgpu:cuda, ilgpu:opencl or ilgpu:cpu, with an optional :device", DefaultValueFactory = _ => "auto", Recursive = true };

    public static readonly Option<string> Precision = new("--precision") { Description = "in which type parameters and activations are stored: fp32, or bf16 (half the memory, and faster where the weights' bytes are what counts, as in decoding); arithmetic, sums, statistics and the optimizer's parameters are fp32 either way", DefaultValueFactory = _ => "fp32", Recursive = true };

    public static readonly Option<string> Numerics = new("--numerics") { Description = "matrix products of the cuda backend: invariant (own ones, the same bits in any batch) or fast (cuBLASLt)", DefaultValueFactory = _ => "invariant", Recursive = true };

    public static readonly Option<int> Threads = new("--threads") { Description = "CPU threads; 0 for all processors", Recursive = true };

    public static readonly Option<long> Seed = new("--seed") { Description = "seed of everything random, 0 or more", Recursive = true };

    public static readonly Option<int?> RopeLength = new("--rope-length") { Description = "longest sequence in tokens that dynamic NTK scaling prepares the model's rotary positions for, above its trained length; the same through a run, and recorded", Recursive = true };

    public static readonly Option<string> LogLevel = new("--log-level") { Description = "quiet, info or debug", DefaultValueFactory = _ => "info", Recursive = true };

    public static readonly Option<string?> Profile = new("--profile") { Description = "file for a Chrome trace of every operation with time, bytes, FLOPs and share of the bound; the table goes to stderr", Recursive = true };

    public static readonly Option<bool> Json = new("--json") { Description = "stdout holds JSON alone; everything else goes to stderr", Recursive = true };

    public static IReadOnlyList<Option> All { get; } = Prepare();

    /// <summary>The seed as the generators take it.</summary>
    public static ulong SeedOf(ParseResult parsed) => parsed.GetValue(Seed) is >= 0 and var seed ? (ulong)seed
        : throw new UsageException($"--seed: expected 0 or more, found {parsed.GetValue(Seed)}.");

    /// <summary>The type in which parameters and activations are stored.</summary>
    public static ElementType StorageOf(ParseResult parsed) => parsed.GetValue(Precision) == "bf16" ? ElementType.BFloat16 : ElementType.Float32;

    /// <summary>What a backend is opened with.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="skipped">Told of every backend that <c>auto</c> passes over.</param>
    public static BackendOptions BackendOptionsOf(ParseResult parsed, Action<string, string>? skipped = null) => new()
    {
        Threads = parsed.GetValue(Threads),
        Numerics = parsed.GetValue(Numerics) == "fast" ? Native.Numerics.Fast : Native.Numerics.Invariant,
        Skipped = skipped,
    };

    /// <summary>The seed of a round, which has 32 bits.</summary>
    public static uint RoundSeedOf(ParseResult parsed) => SeedOf(parsed) is <= uint.MaxValue and var seed ? (uint)seed
        : throw new UsageException($"--seed: expected at most {uint.MaxValue} for a round, found {parsed.GetValue(Seed)}.");

    /// <summary>Refuses values out of range, whether or not the verb uses them.</summary>
    public static void Check(ParseResult parsed)
    {
        if (parsed.GetValue(Threads) is < 0 or > MostThreads)
            throw new UsageException($"--threads: expected 0 to {MostThreads}, found {parsed.GetValue(Threads)}.");
        if (string.IsNullOrWhiteSpace(parsed.GetValue(Backend)))
            throw new UsageException("--backend: expected a name, found none.");
        SeedOf(parsed);
        if (parsed.GetValue(RopeLength) is < 1 or > MostPositions)
            throw new UsageException($"--rope-length: expected 1 to {MostPositions} tokens, found {parsed.GetValue(RopeLength)}.");
        OutputPlace.RequireFile(parsed.GetValue(Profile));
    }

    private static IReadOnlyList<Option> Prepare()
    {
        Numerics.AcceptOnlyFromAmong("invariant", "fast");
        Precision.AcceptOnlyFromAmong("fp32", "bf16");
        LogLevel.AcceptOnlyFromAmong("quiet", "info", "debug");
        return [Backend, Precision, Numerics, Threads, Seed, RopeLength, LogLevel, Profile, Json];
    }
}
