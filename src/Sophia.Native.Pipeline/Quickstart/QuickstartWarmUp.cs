using Sophia.Native.Models;
using Sophia.Native.Training;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// Supervised warm-up on the world's truth: seeing, answering at once, and reasoning in text alone, in changing surroundings; never the skill that the round is to teach:
/// slow thinking about an image.
/// </summary>
internal sealed class QuickstartWarmUp
{
    private const int ProbeScenes = 100;
    private const int ProbeTexts = 100;
    private const int TraceTokens = 120;
    private const int RisingSteps = 50;
    private const double FinalFraction = 0.02;

    private readonly QuickstartPolicy _policy;
    private readonly QuickstartSettings _settings;
    private readonly World _world;
    private readonly WarmUpTasks _tasks;
    private readonly QuickstartEvaluation _probe;

    /// <summary>Prepares a warm-up.</summary>
    /// <param name="policy">The model, trained in all groups.</param>
    /// <param name="settings">Sizes and seed.</param>
    public QuickstartWarmUp(QuickstartPolicy policy, QuickstartSettings settings)
    {
        _policy = policy;
        _settings = settings;
        _world = new(settings.Seed);
        _tasks = new(settings.Seed);
        _probe = new(new World(settings.Seed + 500_000), ProbeScenes);
    }

    /// <summary>Trains and probes.</summary>
    /// <param name="progress">Called after every step.</param>
    /// <param name="cancellation">Ends early.</param>
    public void Train(Action<WarmUpPoint> progress, CancellationToken cancellation)
    {
        var (images, direct, texts) = _settings.WarmUpTasks;
        var schedule = new LearningRateSchedule(ScheduleShape.Cosine, RisingSteps, FinalFraction);
        using var trainer = new Trainer(_policy.Model, new()
        {
            MicroBatch = new() { MaximumTokens = 8192, MaximumSequences = images + direct + texts, MaximumTiles = images + direct },
        });
        var samples = new Sample[images + direct + texts];
        for (var step = 1; step <= _settings.WarmUpSteps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            FillBatch(samples, step);
            var report = trainer.Step(samples, _settings.WarmUpLearningRate * schedule.Factor(step, _settings.WarmUpSteps));
            if (!report.IsFinite)
                throw new TrainingDivergedException($"The warm-up diverged at step {step}: loss {report.Loss}.");
            var point = new WarmUpPoint(step, report.Loss, null, null);
            if (step % _settings.ProbeEvery == 0)
                point = point with { Captions = _probe.Caption(_policy, ProbeScenes, (ulong)step, cancellation).Recall, TextAccuracy = TextAccuracy(cancellation) };
            progress(point);
        }
    }

    /// <summary>Share of text-only tasks that greedy traces answer right.</summary>
    private double TextAccuracy(CancellationToken cancellation)
    {
        var prompts = new (int[], float[]?)[ProbeTexts];
        var golds = new string[ProbeTexts];
        for (var i = 0; i < ProbeTexts; i++)
        {
            // Tasks of a step are numbered from 0 upwards; these are from the other end.
            var task = _tasks.CreateTextTask(long.MaxValue - i);
            prompts[i] = (_policy.Encoder.EncodePrompt(task.SystemMessage, task.UserText, hasImage: false), null);
            golds[i] = QuickstartMetrics.BoxedAnswer(task.ResponseText)!;
        }
        var results = _policy.Generate(prompts, TraceTokens, new() { Temperature = 0 }, cancellation);
        var right = 0;
        for (var i = 0; i < ProbeTexts; i++)
            right += QuickstartMetrics.IsRight(_policy.Encoder.Decode(results[i].OutputIds), golds[i]) ? 1 : 0;
        return (double)right / ProbeTexts;
    }

    /// <summary>Fresh scenes at every step; the direct questions are about the first of them.</summary>
    private void FillBatch(Sample[] samples, int step)
    {
        var (images, direct, texts) = _settings.WarmUpTasks;
        var next = 0;
        for (var i = 0; i < images; i++)
        {
            var index = (long)step * images + i;
            var scene = _world.CreateScene(index);
            var pixels = TaskEncoder.RenderPixels(scene);
            samples[next++] = _policy.Encoder.Encode(_tasks.CreateImageTask(scene, index), pixels, 1f);
            if (i < direct)
                samples[next++] = _policy.Encoder.Encode(_tasks.CreateDirectTask(scene, _world.CreateQuestion(index), index), pixels, 1f);
        }
        for (var i = 0; i < texts; i++)
            samples[next++] = _policy.Encoder.Encode(_tasks.CreateTextTask((long)step * texts + i), null, 1f);
    }
}
