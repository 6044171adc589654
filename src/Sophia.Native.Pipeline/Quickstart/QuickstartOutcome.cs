using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sophia.Native.Data.Records;
using Sophia.Native.Data.Tokenization;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Pipeline.Quickstart.Report;
using Sophia.Native.Rewards;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>What a quickstart found.</summary>
/// <param name="Arms">The base, then the arms.</param>
/// <param name="WarmUpSteps">Steps of the warm-up.</param>
/// <param name="Minutes">Of the whole run.</param>
public sealed record QuickstartOutcome(IReadOnlyList<ArmResult> Arms, int WarmUpSteps, double Minutes);
