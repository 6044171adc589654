using System.CommandLine;
using System.Globalization;
using Sophia.Native.Models;
using Sophia.Native.Pipeline.Quickstart;
using Sophia.Native.Pipeline.Reasoning;

namespace Sophia.Native.Cli.Commands;

/// <summary>The reasoner that options name.</summary>
internal sealed class ReasonerFlags
{
    private readonly Option<string> _reasoner;
    private readonly Option<string?> _endpoint = new("--endpoint") { Description = $"http: address of an OpenAI-compatible server; the key comes from {HttpReasoner.KeyVariable}" };
    private readonly Option<string?> _model = new("--reasoner-model") { Description = "http: name of the model; model: checkpoint folder" };
    private readonly Option<string?> _adapter = new("--reasoner-adapter") { Description = "model: adapter over --reasoner-model, a folder with PEFT's files" };
    private readonly Option<string?> _replay = new("--replay") { Description = "replay: JSON lines of answers" };
    private readonly Option<bool> _cycle = new("--cycle") { Description = "replay: use a question's answers in turn instead of by caption and answer index" };
    private readonly Option<int> _maximum = new("--max-answer-tokens") { Description = "http and model: most tokens of an answer", DefaultValueFactory = _ => 32768 };
    private readonly Option<int> _concurrency = new("--concurrency") { Description = "http: requests at once", DefaultValueFactory = _ => 8 };

    public ReasonerFlags(Command command, bool isRequired = true)
    {
        _reasoner = new("--reasoner") { Description = "embedded (the quickstart's), replay, http or model", Required = isRequired };
        _reasoner.AcceptOnlyFromAmong("embedded", "replay", "http", "model");
        foreach (var option in (Option[])[_reasoner, _endpoint, _model, _adapter, _replay, _cycle, _maximum, _concurrency])
            command.Options.Add(option);
    }

    /// <summary>Refuses options that do not fit together, before there is any work.</summary>
    public void Check(ParseResult parsed)
    {
        if (parsed.GetValue(_maximum) < 1)
            throw new UsageException($"--max-answer-tokens: expected at least 1, found {parsed.GetValue(_maximum)}.");
        if (parsed.GetValue(_concurrency) is < 1 or > 4096)
            throw new UsageException($"--concurrency: expected 1 to 4096, found {parsed.GetValue(_concurrency)}.");
        if (parsed.GetValue(_adapter) is not null && parsed.GetValue(_reasoner) is not "model")
            throw new UsageException($"--reasoner-adapter: expected it beside --reasoner model, found it beside {parsed.GetValue(_reasoner) ?? "none"}.");
        switch (parsed.GetValue(_reasoner))
        {
            case null:
                throw new UsageException("--reasoner: expected embedded, replay, http or model, found none.");
            case "replay":
                var file = Require(parsed, _replay, "--replay FILE.jsonl");
                if (!File.Exists(file))
                    throw new InvalidDataException($"{file}: expected a JSON lines file, found nothing there");
                break;
            case "http":
                Endpoint(parsed);
                Require(parsed, _model, "--reasoner-model NAME");
                break;
            case "model":
                var folder = Require(parsed, _model, "--reasoner-model DIR");
                if (!Directory.Exists(folder))
                    throw new DirectoryNotFoundException($"{folder}: expected a checkpoint folder of the reasoner, found none.");
                if (parsed.GetValue(_adapter) is { } adapter && !Directory.Exists(adapter))
                    throw new DirectoryNotFoundException($"{adapter}: expected a folder with an adapter over the reasoner, found none.");
                break;
        }
    }

    /// <summary>What a stage that was begun with this reasoner must go on with.</summary>
    public Dictionary<string, string> Settled(ParseResult parsed)
    {
        var reasoner = parsed.GetValue(_reasoner)!;
        var settled = new Dictionary<string, string> { ["reasoner"] = reasoner };
        if (reasoner is "http" or "model")
        {
            settled["reasoner-model"] = reasoner == "http" ? parsed.GetValue(_model)! : ModelFingerprint.Of(parsed.GetValue(_model)!);
            settled["max-answer-tokens"] = parsed.GetValue(_maximum).ToString(CultureInfo.InvariantCulture);
            if (parsed.GetValue(_adapter) is { } adapter)
                settled["reasoner-adapter"] = ModelFingerprint.OfAdapter(adapter);
            if (reasoner == "model" && SharedOptions.StorageOf(parsed) == ElementType.BFloat16)
                settled["precision"] = "bf16";
            if (reasoner == "model" && parsed.CommandResult.Command.Name == "reason" && parsed.GetValue(SharedOptions.RopeLength) is { } length)
                settled["rope-length"] = length.ToString(CultureInfo.InvariantCulture);
        }
        return settled;
    }

    /// <summary>Opens the reasoner; what it holds is freed with the returned object.</summary>
    public (IReasoner Reasoner, IDisposable? Owner) Open(ParseResult parsed)
    {
        Check(parsed);
        switch (parsed.GetValue(_reasoner))
        {
            case "replay":
                return (new ReplayReasoner(parsed.GetValue(_replay)!, parsed.GetValue(_cycle)), null);
            case "http":
                var http = new HttpReasoner(new()
                {
                    Endpoint = Endpoint(parsed),
                    Model = parsed.GetValue(_model)!,
                    MaximumTokens = parsed.GetValue(_maximum),
                    Concurrency = parsed.GetValue(_concurrency),
                });
                return (http, http);
            case "model":
                // A command has one profile and one --rope-length: those of the policy, where it works with one.
                var isAlone = parsed.CommandResult.Command.Name == "reason";
                var session = ModelSession.Open(parsed, parsed.GetValue(_model)!, parsed.GetValue(_adapter), isAlone, isAlone ? parsed.GetValue(SharedOptions.RopeLength) : null);
                return (new ModelReasoner(session.Model, session.Processor, Math.Min(parsed.GetValue(_maximum), session.Model.MaximumPositions), new()), session);
            default:
                return (new WorldReasoner(SharedOptions.SeedOf(parsed)), null);
        }
    }

    private Uri Endpoint(ParseResult parsed)
    {
        var endpoint = Require(parsed, _endpoint, "--endpoint URL");
        return Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0 ? uri
            : throw new UsageException($"--endpoint: expected an http or https address without a name and password in it, such as http://127.0.0.1:8000/v1; a key belongs into {HttpReasoner.KeyVariable}.");
    }

    private string Require(ParseResult parsed, Option<string?> option, string usage) =>
        string.IsNullOrEmpty(parsed.GetValue(option)) ? throw new UsageException($"--reasoner {parsed.GetValue(_reasoner)} needs {usage}.") : parsed.GetValue(option)!;
}
