using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline.Captioning;
using Sophia.Native.Pipeline.Reasoning;

namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>
/// The stages of a round over a store: caption, reason, reward (SOPHIA, arXiv 2507.16814, algorithm 1). Every stage does what the store does not
/// have yet, so each can be stopped at any moment and called again.
/// </summary>
public static partial class RolloutStages
{
    /// <summary>Answers are put on the disk in groups, at the latest after this time.</summary>
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(2);

    private const int LargestGroup = 64;
    private const uint ReasonerPurpose = 0x72656173;

    /// <summary>
    /// Stage 1: K captions of the images of every question of the shard. The captioner gets the images and never the question.
    /// </summary>
    /// <exception cref="InvalidDataException">A question has no images or one is missing, or the stage was begun with other options.</exception>
    public static async Task Caption(
        RolloutStore store, ICaptioner captioner, RolloutOptions options, IProgress<RolloutProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(captioner);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        store.Settle("caption", new Dictionary<string, string> { ["captions"] = $"{options.Captions}", ["seed"] = $"{options.Seed}" });

        long done = 0, total = 0;
        List<CaptionRequest> wanted = [];
        for (int question = 0; question < store.Questions.Count; question++)
        {
            if (!options.Shard.Contains(question)) continue;
            total += options.Captions;
            int first = 0;
            while (first < options.Captions)
            {
                int end = first;
                while (end < options.Captions && store.HasCaption(question, end) == store.HasCaption(question, first)) end++;
                if (store.HasCaption(question, first)) done += end - first;
                else wanted.Add(RequestFor(store.Questions[question], question, first, end - first, options.Seed));
                first = end;
            }
        }

        progress?.Report(new RolloutProgress("caption", done, total));
        int batch = Math.Max(1, captioner.PreferredRequests);
        for (int begin = 0; begin < wanted.Count; begin += batch)
        {
            cancellation.ThrowIfCancellationRequested();
            List<CaptionRequest> requests = wanted.GetRange(begin, Math.Min(batch, wanted.Count - begin));
            IReadOnlyList<IReadOnlyList<GeneratedCaption>> answers = await captioner.Caption(requests, cancellation).ConfigureAwait(false);
            store.AppendCaptions(Collect(requests, answers));
            foreach (CaptionRequest request in requests) done += request.Count;
            progress?.Report(new RolloutProgress("caption", done, total));
        }
    }

    /// <summary>Stage 2: N answers to every caption of the shard's questions, as many at once as the reasoner allows.</summary>
    /// <remarks>Answers that are there when a request fails or the stage is canceled are stored before the error leaves.</remarks>
    /// <exception cref="InvalidDataException">Captions are missing, or the stage was begun with other options.</exception>
    public static async Task Reason(
        RolloutStore store, IReasoner reasoner, RolloutOptions options, IProgress<RolloutProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(reasoner);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        store.Settle("reason", new Dictionary<string, string>
        {
            ["answers"] = $"{options.Answers}", ["captions"] = $"{options.Captions}", ["seed"] = $"{options.Seed}",
        });

        long done = 0, total = 0;
        List<(int Question, int Caption, int Answer)> wanted = [];
        for (int question = 0; question < store.Questions.Count; question++)
        {
            if (!options.Shard.Contains(question)) continue;
            total += (long)options.Captions * options.Answers;
            for (int k = 0; k < options.Captions; k++)
            {
                if (!store.HasCaption(question, k))
                    throw new InvalidDataException($"{store.Folder}: expected caption {k} of question \"{store.Questions[question].Id}\", found none; finish the caption stage first");
                for (int n = 0; n < options.Answers; n++)
                {
                    if (store.HasAnswer(question, k, n)) done++;
                    else wanted.Add((question, k, n));
                }
            }
        }

        progress?.Report(new RolloutProgress("reason", done, total));
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        List<Task<StoredAnswer>> running = [];
        List<StoredAnswer> finished = [];
        long held = Environment.TickCount64;
        try
        {
            int next = 0;
            while (next < wanted.Count || running.Count > 0)
            {
                while (next < wanted.Count && running.Count < Math.Max(1, reasoner.Concurrency))
                {
                    cancellation.ThrowIfCancellationRequested();
                    running.Add(Answer(store, reasoner, options, wanted[next++], stop.Token));
                }

                Task<StoredAnswer> first = await Task.WhenAny(running).ConfigureAwait(false);
                running.Remove(first);
                finished.Add(await first.ConfigureAwait(false));
                if (finished.Count < LargestGroup && Environment.TickCount64 - held < LongestHold.TotalMilliseconds) continue;
                StoreFinished();
            }
        }
        catch
        {
            // Nothing that was paid for is thrown away: what is under way is stopped, what is there is kept.
            await stop.CancelAsync().ConfigureAwait(false);
            foreach (Task<StoredAnswer> task in running)
            {
                await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (task.IsCompletedSuccessfully) finished.Add(task.Result);
            }

            StoreFinished();
            throw;
        }

        StoreFinished();

        void StoreFinished()
        {
            store.AppendAnswers(finished);
            done += finished.Count;
            finished.Clear();
            held = Environment.TickCount64;
            progress?.Report(new RolloutProgress("reason", done, total));
        }
    }

    private static CaptionRequest RequestFor(QuestionRecord question, int index, int first, int count, uint seed)
    {
        IReadOnlyList<string> images = question.ImagePaths();
        if (images.Count == 0) throw question.Error("an image to describe", "a question without \"image\"");
        return new CaptionRequest { Images = images, AreFrames = question.IsVideo, FirstIndex = first, Count = count, Seed = seed, Sample = index };
    }

    private static List<StoredCaption> Collect(List<CaptionRequest> requests, IReadOnlyList<IReadOnlyList<GeneratedCaption>> answers)
    {
        if (answers.Count != requests.Count)
            throw new InvalidOperationException($"The captioner was to answer {requests.Count} requests and answered {answers.Count}.");
        List<StoredCaption> captions = [];
        for (int i = 0; i < requests.Count; i++)
        {
            if (answers[i].Count != requests[i].Count)
                throw new InvalidOperationException($"The captioner was to write {requests[i].Count} captions and wrote {answers[i].Count}.");
            for (int j = 0; j < requests[i].Count; j++)
                captions.Add(new StoredCaption(requests[i].Sample, requests[i].FirstIndex + j, answers[i][j].Text, answers[i][j].Truncated));
        }

        return captions;
    }

    private static async Task<StoredAnswer> Answer(
        RolloutStore store, IReasoner reasoner, RolloutOptions options, (int Question, int Caption, int Answer) wanted, CancellationToken cancellation)
    {
        QuestionRecord question = store.Questions[wanted.Question];
        ReasoningRequest request = new()
        {
            Id = question.Id,
            Caption = store.ReadCaption(wanted.Question, wanted.Caption).Text,
            Question = question.Question,
            Options = question.Options,
            CaptionIndex = wanted.Caption,
            AnswerIndex = wanted.Answer,
            AnswersPerCaption = options.Answers,
            Seed = Philox.Block((uint)wanted.Question, (uint)wanted.Caption, (uint)wanted.Answer, ReasonerPurpose, options.Seed).X0,
        };
        ReasoningAnswer answer = await reasoner.Reason(request, cancellation).ConfigureAwait(false);
        return new StoredAnswer(wanted.Question, wanted.Caption, wanted.Answer, answer.Text, answer.Truncated);
    }
}
