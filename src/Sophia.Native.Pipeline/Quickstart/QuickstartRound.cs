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

    /// <summary>Judges and rewards the answers of a round.</summary>
    /// <param name="backend">Where rewards are propagated and trajectories selected.</param>
    /// <param name="encoder">Counts tokens.</param>
    /// <param name="settings">Sizes and seed.</param>
    /// <param name="scenes">The scenes.</param>
    /// <param name="questions">Questions, those about one scene together.</param>
    /// <param name="captionTexts">Captions, K of each scene.</param>
    /// <param name="answers">Answers, N to every caption for every question: [pair, k, n].</param>
    /// <exception cref="ArgumentException">The numbers do not fit the sizes.</exception>
    public QuickstartRound(Backend backend, TaskEncoder encoder, QuickstartSettings settings, Scene[] scenes, PriceQuestion[] questions, string[] captionTexts, string[] answers)
    {
        _settings = settings;
        _backend = backend;
        RequireLength(scenes.Length, settings.Scenes, nameof(scenes));
        RequireLength(questions.Length, settings.Scenes * settings.QuestionsPerScene, nameof(questions));
        RequireLength(captionTexts.Length, settings.Scenes * settings.Captions, nameof(captionTexts));
        RequireLength(answers.Length, questions.Length * settings.Captions * settings.Answers, nameof(answers));
        Scenes = scenes;
        Pixels = new float[scenes.Length][];
        for (var scene = 0; scene < scenes.Length; scene++)
            Pixels[scene] = TaskEncoder.RenderPixels(scenes[scene]);
        Questions = questions;
        CaptionTexts = captionTexts;
        _answers = answers;
        _outcomes = new float[answers.Length];
        _lengths = new int[answers.Length];
        _captionRewards = new float[Pairs * settings.Captions];
        Judge(encoder);
        Propagate();
    }

    /// <summary>Runs a round.</summary>
    /// <param name="policy">The policy at the start of the round.</param>
    /// <param name="settings">Sizes and seed.</param>
    /// <param name="progress">Called with what is being done.</param>
    /// <param name="cancellation">Ends early.</param>
    public static QuickstartRound Run(QuickstartPolicy policy, QuickstartSettings settings, Action<string> progress, CancellationToken cancellation)
    {
        var world = new World(settings.Seed + 100_000);
        var scenes = new Scene[settings.Scenes];
        for (var scene = 0; scene < scenes.Length; scene++)
            scenes[scene] = world.CreateScene(scene);
        progress($"captions: {settings.Captions} of each of {settings.Scenes} scenes");
        var captions = Caption(policy, settings, scenes, cancellation);
        var questions = new PriceQuestion[settings.Scenes * settings.QuestionsPerScene];
        for (var pair = 0; pair < questions.Length; pair++)
            questions[pair] = world.CreateQuestion(pair / settings.QuestionsPerScene, pair % settings.QuestionsPerScene);
        progress($"reasoning: {settings.Answers} answers to each of {questions.Length * settings.Captions} captions and questions");
        return new(policy.Model.Backend, policy.Encoder, settings, scenes, questions, captions, Reason(settings, questions, captions, cancellation));
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
    public int Pairs => Questions.Length;

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

    /// <summary>The trajectories with reward 1 for an arm.</summary>
    /// <param name="arm">Its rule, and how many it keeps.</param>
    public IReadOnlyList<QuickstartTrajectory> Select(QuickstartArm arm)
    {
        var (captions, answers) = (_settings.Captions, _settings.Answers);
        var columns = captions * answers;
        using var memory = new RewardMemory(_backend, Pairs, captions, columns);
        _backend.Upload<float>(memory.Outcomes, _outcomes);
        _backend.Upload<float>(memory.CaptionRewards, _captionRewards);
        _backend.Upload<int>(memory.Lengths, _lengths);
        _backend.SelectTrajectories(memory.Rewards, memory.CaptionRewards, memory.Outcomes, memory.Lengths,
            new() { Captions = captions, Answers = answers, Alpha = _settings.Alpha, Keep = arm.Keep, Mode = arm.Selection, Seed = (uint)_settings.Seed });
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

    /// <summary>The captions that an arm trains on: those behind its trajectories, each once, where it takes captions as data; else none. An empty caption is no data.</summary>
    /// <param name="arm">The arm.</param>
    /// <param name="selected">Its trajectories.</param>
    public IReadOnlyList<QuickstartCaption> SelectCaptions(QuickstartArm arm, IReadOnlyList<QuickstartTrajectory> selected)
    {
        var captions = new List<QuickstartCaption>();
        if (!arm.TrainsCaptions)
            return captions;
        var seen = new HashSet<(int, int)>();
        foreach (var trajectory in selected)
        {
            var scene = SceneOf(trajectory.Pair);
            var text = CaptionOf(trajectory.Pair, trajectory.CaptionIndex);
            if (text.Length > 0 && seen.Add((scene, trajectory.CaptionIndex)))
                captions.Add(new(scene, trajectory.CaptionIndex, text));
        }
        return captions;
    }

    /// <summary>What an arm's data is like against the truth.</summary>
    /// <param name="selected">Its trajectories.</param>
    /// <param name="trained">Its captions, where it trains on them.</param>
    /// <param name="encoder">Counts tokens.</param>
    public SelectedData Describe(IReadOnlyList<QuickstartTrajectory> selected, IReadOnlyList<QuickstartCaption> trained, TaskEncoder encoder)
    {
        var pairs = new HashSet<int>();
        var right = 0;
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
            pairs.Add(trajectory.Pair);
            right += OutcomeReward(trajectory.Pair, trajectory.CaptionIndex, trajectory.AnswerIndex) == 1f ? 1 : 0;
        }
        return new(pairs.Count, captions, claims, selected.Count == 0 ? 0 : (double)tokens / selected.Count)
        {
            Trajectories = selected.Count,
            RightTrajectories = right,
            TrainedCaptions = trained.Count,
        };
    }

    private static string[] Caption(QuickstartPolicy policy, QuickstartSettings settings, Scene[] scenes, CancellationToken cancellation)
    {
        var prompt = policy.Encoder.EncodePrompt(WorldLanguage.PlainSystemMessage, WorldLanguage.CaptionInstruction, hasImage: true);
        var prompts = new (int[], float[]?)[scenes.Length * settings.Captions];
        float[]? pixels = null;
        for (var i = 0; i < prompts.Length; i++)
        {
            if (i % settings.Captions == 0)
                pixels = TaskEncoder.RenderPixels(scenes[i / settings.Captions]);
            prompts[i] = (prompt, pixels);
        }
        var results = policy.Generate(prompts, MaximumCaptionTokens, new() { Seed = settings.Seed + 1 }, cancellation);
        var texts = new string[results.Length];
        for (var i = 0; i < texts.Length; i++)
            texts[i] = policy.Encoder.Decode(results[i].OutputIds);
        return texts;
    }

    private static string[] Reason(QuickstartSettings settings, PriceQuestion[] questions, string[] captions, CancellationToken cancellation)
    {
        var reasoner = new WorldReasoner(settings.Seed);
        var answers = new string[questions.Length * settings.Captions * settings.Answers];
        for (var i = 0; i < answers.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var (pair, caption, answer) = (i / settings.Answers / settings.Captions, i / settings.Answers % settings.Captions, i % settings.Answers);
            answers[i] = reasoner.Reason(captions[pair / settings.QuestionsPerScene * settings.Captions + caption], questions[pair].Text, $"pair {pair}", caption, answer);
        }
        return answers;
    }

    private void Judge(TaskEncoder encoder)
    {
        for (var i = 0; i < _answers.Length; i++)
        {
            var pair = i / (_settings.Captions * _settings.Answers);
            _outcomes[i] = QuickstartMetrics.IsRight(_answers[i], Questions[pair].AnswerText(Scenes[SceneOf(pair)])) ? 1f : 0f;
            _lengths[i] = encoder.EncodeResponse(_answers[i]).Length;
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

    private static void RequireLength(int found, int expected, string name)
    {
        if (found != expected)
            throw new ArgumentException($"{name} must hold {expected} elements, found {found}.", name);
    }

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
