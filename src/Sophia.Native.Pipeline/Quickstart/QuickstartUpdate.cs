using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The update of an arm: the decoder on the selected trajectories with reward 1, and on captions where the arm takes them as data, mixed with replayed warm-up tasks; vision encoder and projector frozen.
/// Every arm takes the same number of steps and of trained tokens of its data a step, so an arm with longer responses, or with captions, sees fewer of them. With a small set that is several epochs.
/// </summary>
internal sealed class QuickstartUpdate
{
    private const int WarmUpSteps = 20;
    private const double FinalFraction = 0.1;
    private const double LowShare = 0.1;
    private const double HighShare = 0.9;
    private const uint ShufflePurpose = 0x5550_4454;

    private readonly QuickstartPolicy _policy;
    private readonly QuickstartSettings _settings;
    private readonly QuickstartArm _arm;
    private readonly QuickstartRound _round;
    private readonly IReadOnlyList<QuickstartTrajectory> _selected;
    private readonly IReadOnlyList<QuickstartCaption> _captions;
    private readonly int[][] _responses;
    private readonly int[] _order;
    private readonly World _world;
    private readonly WarmUpTasks _tasks;
    private int _next;
    private int _epoch;

    /// <summary>Prepares an update.</summary>
    /// <param name="policy">A copy of the policy with only the decoder trained.</param>
    /// <param name="settings">Sizes and seed.</param>
    /// <param name="arm">The arm.</param>
    /// <param name="round">The round.</param>
    /// <param name="selected">The arm's trajectories.</param>
    /// <param name="captions">The captions that the arm trains on.</param>
    public QuickstartUpdate(QuickstartPolicy policy, QuickstartSettings settings, QuickstartArm arm, QuickstartRound round, IReadOnlyList<QuickstartTrajectory> selected, IReadOnlyList<QuickstartCaption> captions)
    {
        if (selected.Count == 0)
            throw new InvalidDataException("No trajectory was selected: no caption passed the gate. The policy's captions are too poor: warm up longer, or lower alpha.");
        _policy = policy;
        _settings = settings;
        _arm = arm;
        _round = round;
        _selected = selected;
        _captions = captions;
        _responses = new int[selected.Count + captions.Count][];
        for (var i = 0; i < _responses.Length; i++)
            _responses[i] = policy.Encoder.EncodeResponse(i < selected.Count ? selected[i].Response : captions[i - selected.Count].Text);
        _order = new int[_responses.Length];
        _world = new(settings.Seed + 300_000);
        _tasks = new(settings.Seed + 300_000);
        Shuffle();
    }

    private bool HasRatios => _arm.Objective.Ratio != ImportanceRatio.One;

    private bool NeedsSnapshots => _arm.Objective.Ratio == ImportanceRatio.Multiple || (HasRatios && _arm.Behavior == BehaviorSource.Snapshot);

    /// <summary>Trains.</summary>
    /// <param name="progress">Called after every step.</param>
    /// <param name="cancellation">Ends early.</param>
    public UpdateSummary Train(Action<UpdatePoint> progress, CancellationToken cancellation)
    {
        var schedule = new LearningRateSchedule(ScheduleShape.Cosine, WarmUpSteps, FinalFraction);
        using var trainer = new Trainer(_policy.Model, new()
        {
            Objective = _arm.Objective,
            MicroBatch = new() { MaximumTokens = 8192, MaximumSequences = 256, MaximumTiles = 256 },
        });
        var (dataSnapshots, replaySnapshots) = NeedsSnapshots ? TakeSnapshots(trainer, cancellation) : ([], []);
        var samples = new List<Sample>();
        var snapshots = new List<float[]>();
        var (sequences, tokens) = (0, 0L);
        RatioSpread? ratios = null;
        for (var step = 1; step <= _settings.UpdateSteps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            samples.Clear();
            snapshots.Clear();
            var trained = AddData(samples, snapshots, dataSnapshots);
            var count = samples.Count;
            sequences += count;
            tokens += trained;
            AddReplay(samples, step);
            if (NeedsSnapshots)
                snapshots.AddRange(replaySnapshots[step - 1]);
            Weigh(samples, count, trained);
            var report = trainer.Step(samples.ToArray(), _settings.UpdateLearningRate * schedule.Factor(step, _settings.UpdateSteps), snapshots.ToArray(), _arm.Behavior);
            if (!report.IsFinite)
                throw new TrainingDivergedException($"The update diverged at step {step}: loss {report.Loss}.");
            ratios = HasRatios ? SpreadOf(trainer.Metrics) : null;
            progress(new(step, report.Loss, ratios));
        }
        return new(sequences, tokens, (double)sequences / _order.Length, ratios);
    }

    /// <summary>
    /// The log-probabilities, under the policy before its first step, of everything that the steps will see: a snapshot per trajectory or caption, and one per replayed task of every step,
    /// which are fresh at every step but known beforehand.
    /// </summary>
    private (float[][] Data, float[][][] Replay) TakeSnapshots(Trainer trainer, CancellationToken cancellation)
    {
        var samples = new Sample[_order.Length];
        for (var i = 0; i < samples.Length; i++)
            samples[i] = CreateSample(i);
        var data = new float[samples.Length][];
        trainer.Snapshot(samples, data);
        var replay = new float[_settings.UpdateSteps][][];
        var tasks = new List<Sample>();
        for (var step = 1; step <= replay.Length; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            tasks.Clear();
            AddReplay(tasks, step);
            replay[step - 1] = new float[tasks.Count][];
            trainer.Snapshot(tasks.ToArray(), replay[step - 1]);
        }
        return (data, replay);
    }

    /// <summary>Takes the next trajectories and captions of the epoch until the tokens of a step are reached.</summary>
    private int AddData(List<Sample> samples, List<float[]> snapshots, float[][] dataSnapshots)
    {
        var tokens = 0;
        while (tokens < _settings.UpdateTokens)
        {
            if (_next == _order.Length)
            {
                _epoch++;
                Shuffle();
            }
            var index = _order[_next++];
            samples.Add(CreateSample(index));
            if (NeedsSnapshots)
                snapshots.Add(dataSnapshots[index]);
            tokens += _responses[index].Length;
        }
        return tokens;
    }

    /// <summary>A selected trajectory behind image and question, or a caption behind image and instruction.</summary>
    private Sample CreateSample(int index)
    {
        var encoder = _policy.Encoder;
        if (index >= _selected.Count)
        {
            var caption = _captions[index - _selected.Count];
            var instruction = encoder.EncodePrompt(WorldLanguage.PlainSystemMessage, WorldLanguage.CaptionInstruction, hasImage: true);
            return TaskEncoder.Join($"scene {caption.Scene} caption {caption.CaptionIndex}", instruction, _responses[index], _round.Pixels[caption.Scene], 1f);
        }
        var trajectory = _selected[index];
        var prompt = encoder.EncodePrompt(WorldLanguage.SlowSystemMessage, _round.Questions[trajectory.Pair].Text, hasImage: true);
        return TaskEncoder.Join($"pair {trajectory.Pair}", prompt, _responses[index], _round.Pixels[_round.SceneOf(trajectory.Pair)], 1f);
    }

    private void AddReplay(List<Sample> samples, int step)
    {
        var (images, direct, texts) = _settings.ReplayTasks;
        for (var i = 0; i < images; i++)
        {
            var index = (long)step * images + i;
            var scene = _world.CreateScene(index);
            var pixels = TaskEncoder.RenderPixels(scene);
            samples.Add(_policy.Encoder.Encode(_tasks.CreateImageTask(scene, index), pixels, 1f));
            if (i < direct)
                samples.Add(_policy.Encoder.Encode(_tasks.CreateDirectTask(scene, _world.CreateQuestion(index), index), pixels, 1f));
        }
        for (var i = 0; i < texts; i++)
            samples.Add(_policy.Encoder.Encode(_tasks.CreateTextTask((long)step * texts + i), null, 1f));
    }

    /// <summary>
    /// Under the mean over all trained tokens, weights that make the loss (1 - share) * mean over the data's tokens + share * mean over replayed tokens.
    /// </summary>
    private void Weigh(List<Sample> samples, int data, int dataTokens)
    {
        var replayTokens = 0;
        for (var i = data; i < samples.Count; i++)
            replayTokens += samples[i].TrainedTokens;
        var all = dataTokens + replayTokens;
        for (var i = 0; i < samples.Count; i++)
        {
            var weight = i < data ? (1 - _settings.ReplayShare) * all / dataTokens : _settings.ReplayShare * all / replayTokens;
            Array.Fill(samples[i].TokenWeights!, (float)weight);
        }
    }

    private static RatioSpread SpreadOf(ObjectiveMetrics metrics) =>
        new(Percentile(metrics, LowShare), Percentile(metrics, 0.5), Percentile(metrics, HighShare), metrics.ClipFraction);

    /// <summary>In the open bin the metrics give the largest ratio of all, which may be astronomical and says nothing of the share asked for.</summary>
    private static double Percentile(ObjectiveMetrics metrics, double share) => Math.Min(metrics.RatioPercentile(share), Math.Exp(4));

    private void Shuffle()
    {
        _next = 0;
        Philox.Permute(_order, (uint)_epoch, ShufflePurpose, _settings.Seed);
    }
}
