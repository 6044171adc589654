using Sophia.Native.Pipeline.Quickstart.Report;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>What a quickstart found.</summary>
/// <param name="Seed">Its seed.</param>
/// <param name="Arms">The base, then the arms.</param>
/// <param name="Minutes">Of the whole run.</param>
public sealed record QuickstartOutcome(ulong Seed, IReadOnlyList<ArmResult> Arms, double Minutes);
