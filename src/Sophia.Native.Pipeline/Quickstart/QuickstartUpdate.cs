using Sophia.Native.Models;
using Sophia.Native.Training;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The update of an arm: the decoder on the selected trajectories with reward 1, mixed with replayed warm-up tasks; vision encoder and projector frozen. Every arm takes the same number of steps and of
/// trained trajectory tokens a step, so an arm with longer responses sees fewer of them.
/// </summary>
internal sealed class QuickstartUpdate
{
    private const int WarmUpSteps = 20;
    private const double FinalFraction = 0.1;
    private const uint ShufflePurpose = 0x5550_4454;

    private readonly QuickstartPolicy _policy;
    private readonly QuickstartSettings _settings;
    private readonly QuickstartRound _round;
    private readonly IReadOnlyList<QuickstartTrajectory> _selected;
    private readonly int[][] _responses;
    private readonly int[] _order;
    private readonly World _world;
    private readonly WarmUpTasks _tasks;
    private int _next;
    private int _epoch;

    /// <summary>Prepares an update.</summary>
    /// <param name="policy">A copy of the policy with only the decoder trained.</param>
    /// <param name="settings">Sizes and seed.</param>
    /// <param name="round">The round.</param>
    /// <param name="selected">The arm's trajectories.</param>
    public QuickstartUpdate(QuickstartPolicy policy, QuickstartSettings settings, QuickstartRound round, IReadOnlyList<QuickstartTrajectory> selected)
    {
        if (selected.Count == 0)
            throw new InvalidDataException("No trajectory was selected: no caption passed the gate. The policy's captions are too poor: warm up longer, or lower alpha.");
        _policy = policy;
        _settings = settings;
        _round = round;
        _selected = selected;
        _responses = new int[selected.Count][];
        for (var i = 0; i < selected.Count; i++)
            _responses[i] = policy.Encoder.EncodeResponse(selected[i].Response);
        _order = new int[selected.Count];
        _world = new(settings.Seed + 300_000);
        _tasks = new(settings.Seed + 300_000);
        Shuffle();
    }

    /// <summary>Trains; returns the number of trajectories seen, with repetition, and their trained tokens.</summary>
    /// <param name="progress">Called after every step.</param>
    /// <param name="cancellation">Ends early.</param>
    public (int Sequences, long Tokens) Train(Action<UpdatePoint> progress, CancellationToken cancellation)
    {
        var (images, direct, texts) = _settings.ReplayTasks;
        var schedule = new LearningRateSchedule(ScheduleShape.Cosine, WarmUpSteps, FinalFraction);
        using var trainer = new Trainer(_policy.Model, new() { MicroBatch = new() { MaximumTokens = 8192, MaximumSequences = 256, MaximumTiles = 256 } });
        var samples = new List<Sample>();
        var (sequences, tokens) = (0, 0L);
        for (var step = 1; step <= _settings.UpdateSteps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            samples.Clear();
            var trained = AddTrajectories(samples);
            sequences += samples.Count;
            tokens += trained;
            AddReplay(samples, images, direct, texts, step);
            Weigh(samples, samples.Count - images - direct - texts, trained);
            var report = trainer.Step(samples.ToArray(), _settings.UpdateLearningRate * schedule.Factor(step, _settings.UpdateSteps));
            if (!report.IsFinite)
                throw new TrainingDivergedException($"The update diverged at step {step}: loss {report.Loss}.");
            progress(new(step, report.Loss));
        }
        return (sequences, tokens);
    }

    /// <summary>Takes the next trajectories of the epoch until the tokens of a step are reached.</summary>
    private int AddTrajectories(List<Sample> samples)
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
            var trajectory = _selected[index];
            var prompt = _policy.Encoder.EncodePrompt(WorldLanguage.SlowSystemMessage, _round.Questions[trajectory.Pair].Text, hasImage: true);
            samples.Add(TaskEncoder.Join($"pair {trajectory.Pair}", prompt, _responses[index], _round.Pixels[_round.SceneOf(trajectory.Pair)], 1f));
            tokens += _responses[index].Length;
        }
        return tokens;
    }

    private void AddReplay(List<Sample> samples, int images, int direct, int texts, int step)
    {
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
    /// Under the mean over all trained tokens, weights that make the loss (1 - share) * mean over trajectory tokens + share * mean over replayed tokens.
    /// </summary>
    private void Weigh(List<Sample> samples, int trajectories, int trajectoryTokens)
    {
        var replayTokens = 0;
        for (var i = trajectories; i < samples.Count; i++)
            replayTokens += samples[i].TrainedTokens;
        var all = trajectoryTokens + replayTokens;
        for (var i = 0; i < samples.Count; i++)
        {
            var weight = i < trajectories ? (1 - _settings.ReplayShare) * all / trajectoryTokens : _settings.ReplayShare * all / replayTokens;
            Array.Fill(samples[i].TokenWeights!, (float)weight);
        }
    }

    private void Shuffle()
    {
        _next = 0;
        Philox.Permute(_order, (uint)_epoch, ShufflePurpose, _settings.Seed);
    }
}
