using Sophia.Native.Rewards;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// One offline round: K captions of every scene by the policy, which does not see the questions; N answers to every caption by the reasoner, which does not see the scene; rewards, propagated to the
/// captions. Arms select from the same round.
/// </summary>
internal sealed class QuickstartRound
{
    /// <summary>The most tokens of a caption.</summary>
    public const int MaximumCaptionTokens = 48;

    private readonly QuickstartSettings _settings;
    private readonly Backend _backend;
    private readonly string[] _answers;
    private readonly float[] _outcomes;
    private readonly float[] _captionRewards;
    private readonly int[] _lengths;

    /// <summary>Runs the round.</summary>
    /// <param name="policy">The policy at the start of the round.</param>
    /// <param name="settings">Sizes and seed.</param>
    /// <param name="progress">Called with what is being done.</param>
    /// <param name="cancellation">Ends early.</param>
    public QuickstartRound(QuickstartPolicy policy, QuickstartSettings settings, Action<string> progress, CancellationToken cancellation)
    {
        _settings = settings;
        _backend = policy.Model.Backend;
        var world = new World(settings.Seed + 100_000);
        Scenes = new Scene[settings.Scenes];
        Pixels = new float[settings.Scenes][];
        for (var scene = 0; scene < settings.Scenes; scene++)
        {
            Scenes[scene] = world.CreateScene(scene);
            Pixels[scene] = TaskEncoder.RenderPixels(Scenes[scene]);
        }
        progress($"captions: {settings.Captions} of each of {settings.Scenes} scenes");
        CaptionTexts = Caption(policy, cancellation);
        Pairs = settings.Scenes * settings.QuestionsPerScene;
        Questions = new PriceQuestion[Pairs];
        for (var pair = 0; pair < Pairs; pair++)
            Questions[pair] = world.CreateQuestion(SceneOf(pair), pair % settings.QuestionsPerScene);
        var columns = settings.Captions * settings.Answers;
        _answers = new string[Pairs * columns];
        _outcomes = new float[Pairs * columns];
        _lengths = new int[Pairs * columns];
        _captionRewards = new float[Pairs * settings.Captions];
        progress($"reasoning: {settings.Answers} answers to each of {Pairs * settings.Captions} captions and questions");
        Reason(policy.Encoder, cancellation);
        Propagate();
    }

    /// <summary>The scenes.</summary>
    public Scene[] Scenes { get; }

    /// <summary>Their normalized pictures.</summary>
    public float[][] Pixels { get; }

    /// <summary>Captions, K of each scene.</summary>
    public string[] CaptionTexts { get; }

    /// <summary>A question of each pair.</summary>
    public PriceQuestion[] Questions { get; }

    /// <summary>Number of (image, question) pairs.</summary>
    public int Pairs { get; }

    /// <summary>Mean outcome reward.</summary>
    public double MeanReward => Mean(_outcomes);

    /// <summary>Share of captions, per question, that pass the gate.</summary>
    public double PassingShare
    {
        get
        {
            var passing = 0;
            foreach (var reward in _captionRewards)
                passing += RewardPropagation.Passes(reward, _settings.Alpha) ? 1 : 0;
            return (double)passing / _captionRewards.Length;
        }
    }

    /// <summary>The scene of a pair.</summary>
    /// <param name="pair">The pair.</param>
    public int SceneOf(int pair) => pair / _settings.QuestionsPerScene;

    /// <summary>The text of a caption of a pair's scene.</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="caption">k.</param>
    public string CaptionOf(int pair, int caption) => CaptionTexts[SceneOf(pair) * _settings.Captions + caption];

    /// <summary>R(c_k) for the question of a pair.</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="caption">k.</param>
    public float CaptionReward(int pair, int caption) => _captionRewards[pair * _settings.Captions + caption];

    /// <summary>R(y_kn).</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="caption">k.</param>
    /// <param name="answer">n.</param>
    public float OutcomeReward(int pair, int caption, int answer) => _outcomes[Index(pair, caption, answer)];

    /// <summary>The trajectories with reward 1 under a rule.</summary>
    /// <param name="mode">The rule.</param>
    public IReadOnlyList<QuickstartTrajectory> Select(SelectionMode mode)
    {
        var (captions, answers) = (_settings.Captions, _settings.Answers);
        var columns = captions * answers;
        using var memory = new RewardMemory(_backend, Pairs, captions, columns);
        _backend.Upload<float>(memory.Outcomes, _outcomes);
        _backend.Upload<float>(memory.CaptionRewards, _captionRewards);
        _backend.Upload<int>(memory.Lengths, _lengths);
        _backend.SelectTrajectories(memory.Rewards, memory.CaptionRewards, memory.Outcomes, memory.Lengths,
            new() { Captions = captions, Answers = answers, Alpha = _settings.Alpha, Keep = 1, Mode = mode, Seed = (uint)_settings.Seed });
        var rewards = new float[_outcomes.Length];
        _backend.Download<float>(rewards, memory.Rewards);
        var selected = new List<QuickstartTrajectory>();
        for (var i = 0; i < rewards.Length; i++)
        {
            if (rewards[i] == 1f)
                selected.Add(new(i / columns, i % columns / answers, i % answers, _answers[i]));
        }
        return selected;
    }

    /// <summary>What an arm's data is like against the truth.</summary>
    /// <param name="selected">Its trajectories.</param>
    /// <param name="encoder">Counts tokens.</param>
    public SelectedData Describe(IReadOnlyList<QuickstartTrajectory> selected, TaskEncoder encoder)
    {
        var captions = new CaptionScore();
        var claims = new ClaimCounts();
        long tokens = 0;
        foreach (var trajectory in selected)
        {
            var scene = Scenes[SceneOf(trajectory.Pair)];
            var caption = CaptionOf(trajectory.Pair, trajectory.CaptionIndex);
            captions += QuickstartMetrics.ScoreCaption(caption, scene);
            claims += QuickstartMetrics.CountClaims(caption, scene);
            tokens += encoder.EncodeResponse(trajectory.Response).Length;
        }
        return new(selected.Count, captions, claims, selected.Count == 0 ? 0 : (double)tokens / selected.Count);
    }

    private string[] Caption(QuickstartPolicy policy, CancellationToken cancellation)
    {
        var prompt = policy.Encoder.EncodePrompt(WorldLanguage.PlainSystemMessage, WorldLanguage.CaptionInstruction, hasImage: true);
        var prompts = new (int[], float[]?)[_settings.Scenes * _settings.Captions];
        for (var i = 0; i < prompts.Length; i++)
            prompts[i] = (prompt, Pixels[i / _settings.Captions]);
        var results = policy.Generate(prompts, MaximumCaptionTokens, new() { Seed = _settings.Seed + 1 }, cancellation);
        var texts = new string[results.Length];
        for (var i = 0; i < texts.Length; i++)
            texts[i] = policy.Encoder.Decode(results[i].OutputIds);
        return texts;
    }

    private void Reason(TaskEncoder encoder, CancellationToken cancellation)
    {
        var reasoner = new WorldReasoner(_settings.Seed);
        for (var pair = 0; pair < Pairs; pair++)
        {
            cancellation.ThrowIfCancellationRequested();
            var gold = Questions[pair].AnswerText(Scenes[SceneOf(pair)]);
            for (var caption = 0; caption < _settings.Captions; caption++)
            {
                for (var answer = 0; answer < _settings.Answers; answer++)
                {
                    var index = Index(pair, caption, answer);
                    _answers[index] = reasoner.Reason(CaptionOf(pair, caption), Questions[pair].Text, $"pair {pair}", caption, answer);
                    _outcomes[index] = QuickstartMetrics.IsRight(_answers[index], gold) ? 1f : 0f;
                    _lengths[index] = encoder.EncodeResponse(_answers[index]).Length;
                }
            }
        }
    }

    private void Propagate()
    {
        using var memory = new RewardMemory(_backend, Pairs, _settings.Captions, _settings.Captions * _settings.Answers);
        _backend.Upload<float>(memory.Outcomes, _outcomes);
        _backend.PropagateRewards(memory.CaptionRewards, memory.Outcomes);
        _backend.Download<float>(_captionRewards, memory.CaptionRewards);
    }

    private int Index(int pair, int caption, int answer) => (pair * _settings.Captions + caption) * _settings.Answers + answer;

    private static double Mean(float[] values)
    {
        var sum = 0.0;
        foreach (var value in values)
            sum += value;
        return sum / values.Length;
    }

    /// <summary>Device arrays of rewards: a row per pair.</summary>
    private sealed class RewardMemory : IDisposable
    {
        private readonly Arena _arena;

        public RewardMemory(Backend backend, int pairs, int captions, int columns)
        {
            (_arena, var views) = Arena.Build(backend, "rewards", arena => (
                arena.Take("rewards", pairs, columns), arena.Take("caption rewards", pairs, captions), arena.Take("outcomes", pairs, columns), arena.Take("lengths", pairs, columns, ElementType.Int32)));
            (Rewards, CaptionRewards, Outcomes, Lengths) = views;
        }

        public DeviceView Rewards { get; }

        public DeviceView CaptionRewards { get; }

        public DeviceView Outcomes { get; }

        public DeviceView Lengths { get; }

        public void Dispose() => _arena.Dispose();
    }
}
