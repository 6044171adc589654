using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline.Verification;
using Sophia.Native.Rewards;

namespace Sophia.Native.Pipeline.Rollouts;

public static partial class RolloutStages
{
    /// <summary>
    /// Stage 3: judges every answer, propagates the rewards to the captions, selects, and writes the trajectories of the complete pairs as JSON lines
    /// in order of question, k and n. The file appears when it is whole.
    /// </summary>
    /// <param name="store">The store, for reading or writing.</param>
    /// <param name="countTokens">The length of a response in tokens of the policy, its end token included.</param>
    /// <param name="options">The numbers of the round.</param>
    /// <param name="path">The file of trajectories.</param>
    /// <param name="progress">Gets the number of questions done.</param>
    /// <param name="cancellation">Stops the work; nothing is written then.</param>
    /// <exception cref="InvalidDataException">A question has no gold answer.</exception>
    public static RolloutSummary Reward(
        RolloutStore store, Func<string, int> countTokens, RolloutOptions options, string path,
        IProgress<RolloutProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        using AtomicFile file = AtomicFile.Create(path);
        RolloutSummary summary = Reward(store, countTokens, options, file.Stream, folder, progress, cancellation);
        file.Commit();
        return summary;
    }

    /// <summary>As above, into a stream whose relative paths are relative to <paramref name="folder"/>.</summary>
    /// <inheritdoc cref="Reward(RolloutStore, Func{string, int}, RolloutOptions, string, IProgress{RolloutProgress}, CancellationToken)"/>
    public static RolloutSummary Reward(
        RolloutStore store, Func<string, int> countTokens, RolloutOptions options, Stream stream, string folder,
        IProgress<RolloutProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(countTokens);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(stream);
        options.Check();

        Pair pair = new(options);
        Tally tally = new();
        using JsonLinesWriter lines = new(stream);
        int total = 0, done = 0;
        for (int question = 0; question < store.Questions.Count; question++) total += options.Shard.Contains(question) ? 1 : 0;
        for (int question = 0; question < store.Questions.Count; question++)
        {
            if (!options.Shard.Contains(question)) continue;
            cancellation.ThrowIfCancellationRequested();
            if (pair.TryLoad(store, question))
            {
                pair.Judge(store.Questions[question], countTokens);
                pair.Select((uint)question);
                pair.Write(store.Questions[question], lines, folder);
                tally.Add(pair, options);
            }
            else
            {
                tally.Incomplete++;
            }

            progress?.Report(new RolloutProgress("reward", ++done, total));
        }

        return tally.Summary(options);
    }

    /// <summary>One (image, question) pair with its K captions and K N answers; the arrays serve every pair in turn.</summary>
    private sealed class Pair(RolloutOptions options)
    {
        public readonly string[] Captions = new string[options.Captions];
        public readonly StoredAnswer[] Answers = new StoredAnswer[options.Captions * options.Answers];
        public readonly float[] Outcome = new float[options.Captions * options.Answers];
        public readonly float[] CaptionRewards = new float[options.Captions];
        public readonly float[] Rewards = new float[options.Captions * options.Answers];
        public readonly int[] Lengths = new int[options.Captions * options.Answers];
        public readonly int[] Selected = new int[options.Captions * options.Answers];

        public int SelectedCount { get; private set; }

        /// <summary>False if a caption or an answer is missing.</summary>
        public bool TryLoad(RolloutStore store, int question)
        {
            for (int k = 0; k < options.Captions; k++)
            {
                if (!store.HasCaption(question, k)) return false;
                for (int n = 0; n < options.Answers; n++)
                {
                    if (!store.HasAnswer(question, k, n)) return false;
                }
            }

            for (int k = 0; k < options.Captions; k++)
            {
                Captions[k] = store.ReadCaption(question, k).Text;
                for (int n = 0; n < options.Answers; n++) Answers[k * options.Answers + n] = store.ReadAnswer(question, k, n);
            }

            return true;
        }

        public void Judge(QuestionRecord question, Func<string, int> countTokens)
        {
            if (string.IsNullOrWhiteSpace(question.Answer)) throw question.Error("a gold answer to judge by", "none");
            for (int i = 0; i < Answers.Length; i++)
            {
                StoredAnswer answer = Answers[i];
                Outcome[i] = AnswerVerifier.Verify(answer.Text, question, answer.Truncated) ? 1f : 0f;
                // An empty answer cannot be trained on, whatever the mode draws.
                Lengths[i] = answer.Truncated || answer.Text.Length == 0 ? -1 : countTokens(answer.Text);
            }
        }

        public void Select(uint number)
        {
            RewardPropagation.Propagate(CaptionRewards, Outcome, options.Captions, options.Answers);
            SelectedCount = TrajectorySelection.Select(
                Selected, Outcome, CaptionRewards, Lengths, options.Captions, options.Answers, options.Alpha, options.Keep, options.Mode, options.Seed, number);
            TrajectorySelection.WriteRewards(Rewards, Selected.AsSpan(0, SelectedCount));
        }

        public void Write(QuestionRecord question, JsonLinesWriter lines, string folder)
        {
            for (int i = 0; i < Answers.Length; i++)
            {
                bool selected = Rewards[i] > 0;
                if (!selected && !options.WriteUnselected) continue;
                lines.Write(
                    new TrajectoryRecord
                    {
                        Id = question.Id,
                        Question = question,
                        CaptionIndex = i / options.Answers,
                        TrajectoryIndex = i % options.Answers,
                        Caption = Captions[i / options.Answers],
                        Response = Answers[i].Text,
                        OutcomeReward = Outcome[i],
                        CaptionReward = CaptionRewards[i / options.Answers],
                        Reward = Rewards[i],
                        Selected = selected,
                        Truncated = Answers[i].Truncated,
                    },
                    folder);
            }
        }
    }

    /// <summary>Sums over pairs.</summary>
    private sealed class Tally
    {
        private int _pairs, _kept, _anyRight, _selected;
        private long _right, _passing, _truncated, _selectedLength;

        public int Incomplete { get; set; }

        public void Add(Pair pair, RolloutOptions options)
        {
            _pairs++;
            int right = 0;
            for (int i = 0; i < pair.Answers.Length; i++)
            {
                if (pair.Outcome[i] == 1f) right++;
                if (pair.Answers[i].Truncated) _truncated++;
            }

            _right += right;
            _anyRight += right > 0 ? 1 : 0;
            foreach (float reward in pair.CaptionRewards) _passing += RewardPropagation.Passes(reward, options.Alpha) ? 1 : 0;
            _kept += pair.SelectedCount > 0 ? 1 : 0;
            _selected += pair.SelectedCount;
            foreach (int index in pair.Selected.AsSpan(0, pair.SelectedCount)) _selectedLength += pair.Lengths[index];
        }

        public RolloutSummary Summary(RolloutOptions options)
        {
            long captions = (long)_pairs * options.Captions, answers = captions * options.Answers;
            return new RolloutSummary
            {
                Pairs = _pairs,
                IncompletePairs = Incomplete,
                MeanReward = Share(_right, answers),
                CaptionsPassing = Share(_passing, captions),
                PairsKept = Share(_kept, _pairs),
                PairsWithAnyRight = Share(_anyRight, _pairs),
                Truncated = Share(_truncated, answers),
                Selected = _selected,
                MeanSelectedLength = Share(_selectedLength, _selected),
            };
        }

        private static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
    }
}
