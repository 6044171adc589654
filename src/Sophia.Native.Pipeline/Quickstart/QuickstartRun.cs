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

/// <summary>
/// The paper in the small: a randomly initialized InternVL learns to see and, in text alone, to reason; one round of captions, reasoning, rewards and selection; an update for every arm; evaluation
/// on held-out scenes. Writes DIR/report.html, metrics.jsonl, images/, trajectories-ARM.jsonl, answers-ARM.jsonl and checkpoint-ARM/.
/// </summary>
public sealed class QuickstartRun : IDisposable
{
    private const double NucleusShare = 0.8;
    private const int DirectAnswerTokens = 16;
    private const int CaptionScenes = 300;
    private const int GalleryPairs = 6;

    private readonly Backend _backend;
    private readonly QuickstartSettings _settings;
    private readonly string _folder;
    private readonly Action<string> _say;
    private readonly Qwen2Tokenizer _tokenizer = QuickstartTokenizer.Create();
    private readonly QuickstartPolicy _base;
    private readonly QuickstartEvaluation _evaluation;
    private readonly QuickstartFiles _files;
    private readonly List<ReportCurve> _lossCurves = [];
    private readonly List<ReportCurve> _skillCurves = [];
    private readonly List<GallerySection> _gallery = [];
    private readonly List<ArmResult> _results = [];
    private readonly FileStream _metricsFile;
    private readonly JsonLinesWriter _metrics;
    private bool _showsRound;

    /// <summary>Prepares a run.</summary>
    /// <param name="backend">Where it runs.</param>
    /// <param name="settings">Sizes and seed.</param>
    /// <param name="folder">DIR, created where it is missing; earlier results in it are replaced.</param>
    /// <param name="say">Called with what is being done.</param>
    /// <exception cref="IOException">DIR holds something else than an earlier quickstart.</exception>
    public QuickstartRun(Backend backend, QuickstartSettings settings, string folder, Action<string> say)
    {
        _backend = backend;
        _settings = settings;
        _folder = folder;
        _say = say;
        RequireOwnFolder(folder);
        Directory.CreateDirectory(folder);
        _base = new(backend, _tokenizer, settings.Storage, ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);
        QuickstartModel.Initialize(_base.Parameters, settings.Seed);
        _evaluation = new(new World(settings.Seed + 900_000), settings.EvaluationQuestions);
        _files = new(folder);
        _metricsFile = new(Path.Combine(folder, "metrics.jsonl"), FileMode.Create, FileAccess.Write, FileShare.Read);
        _metrics = new(_metricsFile);
    }

    /// <summary>Runs the base and the arms.</summary>
    /// <param name="arms">The arms after the base.</param>
    /// <param name="cancellation">Ends early.</param>
    public QuickstartOutcome Execute(IReadOnlyList<QuickstartArm> arms, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        WarmUp(cancellation);
        _results.Add(EvaluateBase(Stopwatch.GetElapsedTime(start).TotalMinutes, cancellation));
        if (arms.Count > 0)
        {
            var round = QuickstartRound.Run(_base, _settings, _say, cancellation);
            _files.WriteImages(round.Scenes);
            _say($"round: mean reward {round.MeanReward:0.000}, {round.PassingShare:P1} of captions pass the gate");
            foreach (var arm in arms)
                _results.Add(RunArm(arm, round, cancellation));
        }
        var minutes = Stopwatch.GetElapsedTime(start).TotalMinutes;
        var outcome = new QuickstartOutcome(_settings.Seed, _results, minutes);
        WriteReport(outcome);
        return outcome;
    }

    /// <summary>Frees the model.</summary>
    public void Dispose()
    {
        _metrics.Dispose();
        _metricsFile.Dispose();
        _base.Dispose();
    }

    /// <summary>Earlier results of a quickstart may be replaced, anything else may not.</summary>
    /// <param name="folder">The folder that results are to be written to.</param>
    /// <exception cref="IOException">It holds something else than an earlier quickstart.</exception>
    public static void RequireOwnFolder(string folder)
    {
        if (!Directory.Exists(folder))
            return;
        foreach (var entry in Directory.EnumerateFileSystemEntries(folder))
        {
            var name = Path.GetFileName(entry);
            var isOurs = name is "report.html" or "metrics.jsonl" or "images" || name.StartsWith("checkpoint-", StringComparison.Ordinal)
                || name.StartsWith("trajectories-", StringComparison.Ordinal) || name.StartsWith("answers-", StringComparison.Ordinal) || name.StartsWith("seed-", StringComparison.Ordinal);
            if (!isOurs)
                throw new IOException($"{folder}: expected a new or empty folder, or that of an earlier quickstart, found {name}: choose another folder.");
        }
    }

    private void WarmUp(CancellationToken cancellation)
    {
        _say($"warm-up: a model of {_base.Parameters.Layout.ParameterCount:N0} parameters, vocabulary {_tokenizer.VocabularySize}");
        var losses = new List<CurvePoint>();
        var captions = new List<CurvePoint>();
        var texts = new List<CurvePoint>();
        var start = Stopwatch.GetTimestamp();
        new QuickstartWarmUp(_base, _settings).Train(point =>
        {
            losses.Add(new(point.Step, point.Loss));
            Record("warm-up", point.Step, point.Loss, json =>
            {
                if (point.Captions is { } named)
                    json.WriteNumber("captions", named);
                if (point.TextAccuracy is { } right)
                    json.WriteNumber("text_accuracy", right);
            });
            if (point.Captions is { } recall && point.TextAccuracy is { } accuracy)
            {
                captions.Add(new(point.Step, recall));
                texts.Add(new(point.Step, accuracy));
                _say(string.Create(CultureInfo.InvariantCulture, $"  step {point.Step}: loss {point.Loss:0.000}, objects right in captions {recall:P1}, text-only accuracy {accuracy:P0}, {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s"));
            }
            else if (point.Step % 50 == 0)
            {
                _say(string.Create(CultureInfo.InvariantCulture, $"  step {point.Step}: loss {point.Loss:0.000}, {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s"));
            }
        }, cancellation);
        _lossCurves.Add(new("warm-up", losses));
        _skillCurves.Add(new("captions: objects right", captions));
        _skillCurves.Add(new("text-only questions right", texts));
        SaveCheckpoint(_base, "base");
    }

    private ArmResult EvaluateBase(double minutes, CancellationToken cancellation)
    {
        _say($"base: {_settings.EvaluationQuestions} held-out questions");
        return Evaluate("base", "the warmed-up model, answering directly", _base, slow: false, minutes, cancellation);
    }

    private ArmResult RunArm(QuickstartArm arm, QuickstartRound round, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var selected = round.Select(arm);
        var captions = round.SelectCaptions(arm, selected);
        using var policy = new QuickstartPolicy(_backend, _tokenizer, _settings.Storage, ParameterGroup.Decoder);
        policy.Parameters.CopyFrom(_base.Parameters);
        var update = new QuickstartUpdate(policy, _settings, arm, round, selected, captions);
        var data = round.Describe(selected, captions, policy.Encoder);
        _say(string.Create(CultureInfo.InvariantCulture, $"{arm.Name}: {data.Trajectories} trajectories of {data.Pairs} of {round.Pairs} pairs, {data.MeanLength:0.0} tokens each{(captions.Count > 0 ? $", and {captions.Count} captions" : "")}; {_settings.UpdateSteps} steps"));
        var losses = new List<CurvePoint>();
        var summary = update.Train(point =>
        {
            losses.Add(new(point.Step, point.Loss));
            Record(arm.Name, point.Step, point.Loss, json => WriteRatios(json, point.Ratios));
        }, cancellation);
        _say(string.Create(CultureInfo.InvariantCulture, $"  {summary.Sequences} sequences in {summary.Epochs:0.0} epochs, {summary.Tokens} trained tokens, {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s"));
        if (summary.Ratios is { } ratios)
            _say(string.Create(CultureInfo.InvariantCulture, $"  ratios at the end: median {ratios.Median:0.00}, a tenth below {ratios.Low:0.00} and above {ratios.High:0.0}; {ratios.ClippedShare:P0} clipped"));
        _lossCurves.Add(new(arm.Name, losses));
        _files.WriteTrajectories(arm.Name, round, selected, captions);
        SaveCheckpoint(policy, arm.Name);
        if (!_showsRound)
            AddRoundGallery(round, selected);
        return Evaluate(arm.Name, arm.Description, policy, slow: true, Stopwatch.GetElapsedTime(start).TotalMinutes, cancellation) with { Data = data, Update = summary };
    }

    private ArmResult Evaluate(string name, string description, QuickstartPolicy policy, bool slow, double minutes, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var tokens = slow ? _settings.MaximumResponseTokens : DirectAnswerTokens;
        var sampled = _evaluation.Answer(policy, slow, tokens, new() { Temperature = 1, TopP = (float)NucleusShare, Seed = _settings.Seed + 2 }, cancellation);
        var greedy = _evaluation.Answer(policy, slow, tokens, new() { Temperature = 0 }, cancellation);
        var captions = _evaluation.Caption(policy, CaptionScenes, _settings.Seed + 3, cancellation);
        _say(string.Create(CultureInfo.InvariantCulture,
            $"  {name}: sampled {sampled.Accuracy.Value:0.000} +- {sampled.Accuracy.StandardError:0.000}, greedy {greedy.Accuracy.Value:0.000} +- {greedy.Accuracy.StandardError:0.000}, {sampled.MeanLength:0.0} tokens, captions {captions.Recall:0.000}"));
        AddAnswerGallery(name, greedy);
        _files.WriteAnswers(name, _evaluation, sampled, greedy);
        return new(name, description)
        {
            Sampled = sampled.Accuracy,
            Greedy = greedy.Accuracy,
            SampledRight = sampled.Right,
            GreedyRight = greedy.Right,
            SampledClaims = sampled.Claims,
            GreedyClaims = greedy.Claims,
            SampledLength = sampled.MeanLength,
            GreedyLength = greedy.MeanLength,
            Captions = captions,
            Minutes = minutes + Stopwatch.GetElapsedTime(start).TotalMinutes,
        };
    }

    private void AddRoundGallery(QuickstartRound round, IReadOnlyList<QuickstartTrajectory> selected)
    {
        var items = new List<GalleryItem>();
        for (var i = 0; i < selected.Count && items.Count < GalleryPairs; i += Math.Max(1, selected.Count / GalleryPairs))
        {
            var trajectory = selected[i];
            var captions = new List<GalleryCaption>();
            for (var caption = 0; caption < _settings.Captions; caption++)
            {
                var reward = round.CaptionReward(trajectory.Pair, caption);
                captions.Add(new(round.CaptionOf(trajectory.Pair, caption), reward, RewardPropagation.Passes(reward, _settings.Alpha), caption == trajectory.CaptionIndex));
            }
            var scene = round.Scenes[round.SceneOf(trajectory.Pair)];
            var right = round.OutcomeReward(trajectory.Pair, trajectory.CaptionIndex, trajectory.AnswerIndex) == 1f;
            items.Add(new(scene, round.Questions[trajectory.Pair].Text, round.Questions[trajectory.Pair].AnswerText(scene), captions, [new("selected trajectory", trajectory.Response, right)]));
        }
        _showsRound = true;
        _gallery.Insert(0, new("The round", "Captions of the policy with the share of right answers that the reasoner gave from each, and the trajectory that was selected. Statements that the image does not bear out are marked.", items));
    }

    private void AddAnswerGallery(string name, QuickstartScore score)
    {
        var items = new List<GalleryItem>();
        for (var i = 0; i < Math.Min(GalleryPairs, score.Responses.Count); i++)
        {
            var gold = _evaluation.Golds[i];
            items.Add(new(_evaluation.Scenes[i], _evaluation.Questions[i].Text, gold, [], [new(name, score.Responses[i], QuickstartMetrics.IsRight(score.Responses[i], gold))]));
        }
        _gallery.Add(new($"Held-out questions, {name}", "Greedy answers.", items));
    }

    private void Record(string phase, int step, double loss, Action<Utf8JsonWriter> rest) => _metrics.Write(json =>
    {
        json.WriteString("phase", phase);
        json.WriteNumber("step", step);
        json.WriteNumber("loss", loss);
        rest(json);
    });

    private static void WriteRatios(Utf8JsonWriter json, RatioSpread? spread)
    {
        if (spread is not { } ratios)
            return;
        json.WriteNumber("ratio_p10", ratios.Low);
        json.WriteNumber("ratio_p50", ratios.Median);
        json.WriteNumber("ratio_p90", ratios.High);
        json.WriteNumber("clip_fraction", ratios.ClippedShare);
    }

    private void SaveCheckpoint(QuickstartPolicy policy, string name)
    {
        var folder = Path.Combine(_folder, $"checkpoint-{name}");
        Directory.CreateDirectory(folder);
        _tokenizer.Save(folder);
        CheckpointWriter.Write(folder, policy.Model.Config, CheckpointLayout.HuggingFace, FileElementType.F32, policy.Parameters);
    }

    private void WriteReport(QuickstartOutcome outcome)
    {
        var text = _base.Model.Config.Text;
        QuickstartReport.Write(Path.Combine(_folder, "report.html"), new("SOPHIA in the small",
        [
            "A randomly initialized InternVL learns to caption pictures of colored shapes and, in text alone, to add up prices. It has never thought slowly about a picture. "
            + "One round of semi-off-policy learning follows: the model captions every picture without seeing the question, a reasoner that sees only caption and question answers it step by step, "
            + "right answers reward their caption, captions pass a gate, and the shortest right answer of those that pass is what the model learns.",
        ])
        {
            Arms = _results,
            Comparison = new([outcome]),
            Charts = [new("Loss", false, _lossCurves), new("Skills of the warm-up", true, _skillCurves)],
            Gallery = _gallery,
            Configuration =
            [
                new("model", $"{_base.Parameters.Layout.ParameterCount:N0} parameters; decoder of {text.LayerCount} layers x {text.HiddenSize}, vocabulary {text.VocabularySize}"),
                new("warm-up", $"{_settings.WarmUpSteps} steps of {_settings.WarmUpTasks.Image} + {_settings.WarmUpTasks.Direct} image and {_settings.WarmUpTasks.Text} text tasks, learning rate {_settings.WarmUpLearningRate}"),
                new("round", $"{_settings.Scenes} scenes, {_settings.QuestionsPerScene} questions each, K = {_settings.Captions}, N = {_settings.Answers}, alpha = {_settings.Alpha}"),
                new("update", $"{_settings.UpdateSteps} steps of {_settings.UpdateTokens} trajectory tokens, learning rate {_settings.UpdateLearningRate}, {_settings.ReplayShare:P0} replay, vision encoder and projector frozen"),
                new("evaluation", $"{_settings.EvaluationQuestions} questions about pictures that were never shown (small scenes may repeat a layout, in another rendering); sampled at temperature 1 and top-p {NucleusShare}"),
                new("seed", _settings.Seed.ToString(CultureInfo.InvariantCulture)),
                new("backend", _backend.Description),
                new("time", string.Create(CultureInfo.InvariantCulture, $"{outcome.Minutes:0.0} minutes")),
            ],
        });
    }
}
