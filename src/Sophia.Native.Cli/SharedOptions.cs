using System.CommandLine;

namespace Sophia.Native.Cli;

/// <summary>The options that every verb takes.</summary>
internal static class SharedOptions
{
    public static readonly Option<string> Backend = new("--backend") { Description = "auto, cpu, or another registered backend with an optional :device", DefaultValueFactory = _ => "auto", Recursive = true };

    public static readonly Option<string> Precision = new("--precision") { Description = "fp32 (bf16 needs a backend that computes in it)", DefaultValueFactory = _ => "fp32", Recursive = true };

    public static readonly Option<int> Threads = new("--threads") { Description = "CPU threads; 0 for all processors", Recursive = true };

    public static readonly Option<long> Seed = new("--seed") { Description = "seed of everything random", Recursive = true };

    public static readonly Option<string> LogLevel = new("--log-level") { Description = "quiet, info or debug", DefaultValueFactory = _ => "info", Recursive = true };

    public static readonly Option<bool> Json = new("--json") { Description = "stdout holds JSON alone; everything else goes to stderr", Recursive = true };

    public static IReadOnlyList<Option> All { get; } = Prepare();

    /// <summary>The seed as the generators take it.</summary>
    public static ulong SeedOf(ParseResult parsed) => unchecked((ulong)parsed.GetValue(Seed));

    private static IReadOnlyList<Option> Prepare()
    {
        Precision.AcceptOnlyFromAmong("fp32", "bf16");
        LogLevel.AcceptOnlyFromAmong("quiet", "info", "debug");
        return [Backend, Precision, Threads, Seed, LogLevel, Json];
    }
}
