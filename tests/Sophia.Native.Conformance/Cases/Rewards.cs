using Sophia.Native.Reference;
using Sophia.Native.Rewards;
using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> RewardsCases()
    {
        (int Groups, int Captions, int Answers)[] shapes = [(0, 2, 2), (1, 1, 1), (1, 8, 8), (5, 3, 4), (33, 7, 5), (2, 1, 17)];
        foreach (var (groups, captions, answers) in shapes)
        {
            yield return new("PropagateRewards", $"{groups} pairs of {captions} x {answers}", (instance, random) =>
            {
                var captionRewards = instance.Output("captionRewards", groups, captions).PerRow().Within(Rounding.Unit, 0, "a sum of whole numbers and one division: u");
                var outcomeRewards = instance.Input("outcomeRewards", groups, captions * answers, Outcomes(random, groups * captions * answers)).PerRow();
                if (captions == 1)
                    outcomeRewards.FreeColumns();
                instance.Invoke = (backend, view) => backend.PropagateRewards(view(captionRewards), view(outcomeRewards));
                instance.Reference = () => PropagateRewards(captionRewards.Expected, outcomeRewards.Values, groups, captions, answers);
            });
            foreach (var mode in Enum.GetValues<SelectionMode>())
            {
                foreach (var (alpha, keep) in ((float, int)[])[(0.75f, 1), (0.5f, 2), (0f, 8), (1f, 1)])
                    yield return SelectionCase(groups, captions, answers, mode, alpha, keep);
            }
        }
    }

    private static OperationCase SelectionCase(int groups, int captions, int answers, SelectionMode mode, float alpha, int keep) =>
        new("SelectTrajectories", $"{groups} pairs of {captions} x {answers}, {mode}, alpha {alpha}, keep {keep}", (instance, random) =>
        {
            var options = new SelectionOptions { Captions = captions, Answers = answers, Alpha = alpha, Keep = keep, Mode = mode, Seed = (uint)random.Next(0, int.MaxValue) };
            var count = groups * captions * answers;
            var rewards = instance.Output("rewards", groups, captions * answers);
            var outcomes = Outcomes(random, count);
            var means = new double[groups * captions];
            PropagateRewards(means, outcomes, groups, captions, answers);
            var captionRewards = instance.Input("captionRewards", groups, captions, RoundToSingle(means));
            var outcomeRewards = instance.Input("outcomeRewards", groups, captions * answers, outcomes);
            // Few different lengths make ties; some answers are truncated.
            var lengths = instance.Add(new("lengths", ArgumentRole.Input, ElementType.Int32, groups, captions * answers, false, Array.ConvertAll(random.Integers(count, -1, 9), length => (double)length)));
            if (mode is SelectionMode.Shortest or SelectionMode.NoCaptionReward)
            {
                // The random modes number the pairs by row, so there a pair depends on its place.
                rewards.PerRow();
                captionRewards.PerRow();
                outcomeRewards.PerRow();
                lengths.PerRow();
            }
            instance.Invoke = (backend, view) => backend.SelectTrajectories(view(rewards), view(captionRewards), view(outcomeRewards), view(lengths), options);
            instance.Reference = () =>
                SelectTrajectories(rewards.Expected, captionRewards.Values, outcomeRewards.Values, lengths.Integers, groups, captions, answers, alpha, keep, (ReferenceSelection)mode, options.Seed);
        });

    /// <summary>Rewards of 0 and 1, mostly 1 so that captions pass.</summary>
    private static double[] Outcomes(CaseRandom random, int count) => Array.ConvertAll(random.Integers(count, 0, 5), draw => draw == 0 ? 0.0 : 1.0);
}
