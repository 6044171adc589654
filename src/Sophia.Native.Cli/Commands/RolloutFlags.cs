using System.CommandLine;
using Sophia.Native.Models;
using Sophia.Native.Pipeline.Reasoning;
using Sophia.Native.Pipeline.Rollouts;
using Sophia.Native.Rewards;

namespace Sophia.Native.Cli.Commands;

/// <summary>The options of the three stages of a round, shared by their verbs and by <c>sophia rollout</c>.</summary>
internal static class RolloutFlags
{
    public static Option<int> Captions() => new("--captions") { Description = "K, captions of an image", DefaultValueFactory = _ => 8 };

    public static Option<int> Answers() => new("--answers") { Description = "N, answers to a caption", DefaultValueFactory = _ => 8 };

    public static Option<float> Alpha() => new("--alpha") { Description = "a caption passes when its reward is greater", DefaultValueFactory = _ => 0.75f };

    public static Option<int> Keep() => new("--keep") { Description = "trajectories kept of a pair", DefaultValueFactory = _ => 1 };

    public static Option<string> Select()
    {
        var select = new Option<string>("--select") { Description = "shortest, no-caption-reward, no-shortest or random", DefaultValueFactory = _ => "shortest" };
        select.AcceptOnlyFromAmong("shortest", "no-caption-reward", "no-shortest", "random");
        return select;
    }

    public static Option<string> Shard() => new("--shard") { Description = "i/n: every n-th question from the i-th on", DefaultValueFactory = _ => "1/1" };

    public static SelectionMode Mode(string name) => name switch
    {
        "no-caption-reward" => SelectionMode.NoCaptionReward,
        "no-shortest" => SelectionMode.NoShortest,
        "random" => SelectionMode.Random,
        _ => SelectionMode.Shortest,
    };

    /// <summary>Prints every tenth of a stage.</summary>
    public static IProgress<RolloutProgress> Progress(CommandOutput output) => new StageProgress(output);

    public static void Print(CommandOutput output, RolloutSummary summary, string? path)
    {
        output.Note(FormattableString.Invariant(
            $"pairs {summary.Pairs} ({summary.IncompletePairs} incomplete), mean reward {summary.MeanReward:0.000}, captions passing {summary.CaptionsPassing:P1}, pairs kept {summary.PairsKept:P1}, with any right answer {summary.PairsWithAnyRight:P1}, truncated {summary.Truncated:P1}, selected {summary.Selected} of {summary.MeanSelectedLength:0.0} tokens{(path is null ? "" : $"; {path}")}"));
    }

    private sealed class StageProgress(CommandOutput output) : IProgress<RolloutProgress>
    {
        private string _stage = "";
        private long _next;

        public void Report(RolloutProgress value)
        {
            if (value.Stage != _stage)
                (_stage, _next) = (value.Stage, 0);
            if (value.Done < _next && value.Done < value.Total)
                return;
            output.Note($"{value.Stage}: {value.Done} of {value.Total}");
            _next = value.Done + Math.Max(1, value.Total / 10);
        }
    }
}

/// <summary>The reasoner that options name.</summary>
internal sealed class ReasonerFlags
{
    private readonly Option<string> _reasoner;
    private readonly Option<string?> _endpoint = new("--endpoint") { Description = "http: address of an OpenAI-compatible server; the key comes from SOPHIA_REASONER_API_KEY" };
    private readonly Option<string?> _model = new("--reasoner-model") { Description = "http: name of the model; model: checkpoint folder" };
    private readonly Option<string?> _replay = new("--replay") { Description = "replay: JSON lines of answers" };
    private readonly Option<bool> _cycle = new("--cycle") { Description = "replay: use a question's answers in turn instead of by caption and answer index" };
    private readonly Option<int> _maximum = new("--max-answer-tokens") { Description = "http and model: most tokens of an answer", DefaultValueFactory = _ => 32768 };
    private readonly Option<int> _concurrency = new("--concurrency") { Description = "http: requests at once", DefaultValueFactory = _ => 8 };

    public ReasonerFlags(Command command, bool isRequired = true)
    {
        _reasoner = new("--reasoner") { Description = "embedded (the quickstart's), replay, http or model", Required = isRequired };
        _reasoner.AcceptOnlyFromAmong("embedded", "replay", "http", "model");
        foreach (var option in (Option[])[_reasoner, _endpoint, _model, _replay, _cycle, _maximum, _concurrency])
            command.Options.Add(option);
    }

    /// <summary>Opens the reasoner; what it holds is freed with the returned object.</summary>
    public (IReasoner Reasoner, IDisposable? Owner) Open(ParseResult parsed)
    {
        switch (parsed.GetValue(_reasoner))
        {
            case null:
                throw new UsageException("expected --reasoner embedded, replay, http or model.");
            case "replay":
                return (new ReplayReasoner(Require(parsed, _replay, "--replay FILE.jsonl"), parsed.GetValue(_cycle)), null);
            case "http":
                var endpoint = Require(parsed, _endpoint, "--endpoint URL");
                if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
                    throw new UsageException($"--endpoint: expected an http or https address, found '{endpoint}'.");
                var http = new HttpReasoner(new() { Endpoint = uri, Model = Require(parsed, _model, "--reasoner-model NAME"), MaximumTokens = parsed.GetValue(_maximum), Concurrency = parsed.GetValue(_concurrency) });
                return (http, http);
            case "model":
                var session = ModelSession.Open(parsed, Require(parsed, _model, "--reasoner-model DIR"), ReadOnlySpan<ParameterGroup>.Empty);
                return (new ModelReasoner(session.Model, session.Processor, parsed.GetValue(_maximum), new()), session);
            default:
                return (new Pipeline.Quickstart.WorldReasoner(SharedOptions.SeedOf(parsed)), null);
        }
    }

    private static string Require(ParseResult parsed, Option<string?> option, string usage) =>
        parsed.GetValue(option) ?? throw new UsageException($"this reasoner needs {usage}.");
}
