using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary>How far the questions of a shard are in a store.</summary>
internal readonly record struct StoreStatus(int Questions, long Captions, long AllCaptions, long Answers, long AllAnswers)
{
    public static StoreStatus Of(RolloutStore store, RolloutOptions options)
    {
        var questions = 0;
        var (captions, answers) = (0L, 0L);
        for (var question = 0; question < store.Questions.Count; question++)
        {
            if (!options.Shard.Contains(question))
                continue;
            questions++;
            for (var k = 0; k < options.Captions; k++)
            {
                captions += store.HasCaption(question, k) ? 1 : 0;
                for (var n = 0; n < options.Answers; n++)
                    answers += store.HasAnswer(question, k, n) ? 1 : 0;
            }
        }
        var all = (long)questions * options.Captions;
        return new(questions, captions, all, answers, all * options.Answers);
    }
}
