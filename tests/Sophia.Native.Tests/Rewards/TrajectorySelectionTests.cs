using System.Text.Json;
using Sophia.Native.Rewards;

namespace Sophia.Native.Tests.Rewards;

public class TrajectorySelectionTests
{
    [Theory]
    [InlineData("objectives/moderate/sophia_selector.jsonl")]
    [InlineData("objectives/extreme/sophia_selector.jsonl")]
    public void The_golden_tables_come_out_exactly(string file)
    {
        int tables = 0;
        foreach (string line in File.ReadLines(TestData.Golden(file)))
        {
            JsonElement table = JsonElement.Parse(line);
            int captions = table.GetProperty("K").GetInt32(), answers = table.GetProperty("N").GetInt32();
            float[] outcome = Flatten(table.GetProperty("correct"));
            int[] lengths = [.. Flatten(table.GetProperty("length")).Select(length => (int)length)];
            float[] captionRewards = new float[captions];
            int[] selected = new int[captions * answers];
            float[] rewards = new float[captions * answers];

            RewardPropagation.Propagate(captionRewards, outcome, captions, answers);
            int count = TrajectorySelection.Select(
                selected, outcome, captionRewards, lengths, captions, answers, table.GetProperty("alpha").GetSingle(),
                table.GetProperty("keep").GetInt32(), SelectionMode.Shortest, seed: 0, pair: 0);
            TrajectorySelection.WriteRewards(rewards, selected.AsSpan(0, count));

            Assert.Equal(table.GetProperty("caption_reward").EnumerateArray().Select(reward => reward.GetSingle()), captionRewards);
            Assert.Equal(
                table.GetProperty("selected").EnumerateArray().Select(pair => pair[0].GetInt32() * answers + pair[1].GetInt32()),
                selected.Take(count));
            Assert.Equal(Flatten(table.GetProperty("reward")), rewards);
            tables++;
        }

        Assert.Equal(30, tables);
    }

    [Fact]
    public void A_truncated_answer_is_in_no_pool()
    {
        float[] outcome = [1, 1, 1, 1];
        int[] lengths = [-1, -1, 9, -1];
        foreach (SelectionMode mode in Enum.GetValues<SelectionMode>())
        {
            int[] selected = new int[4];
            int count = TrajectorySelection.Select(selected, outcome, [1f], lengths, 1, 4, 0.5f, keep: 4, mode, seed: 3, pair: 5);
            Assert.Equal([2], selected.Take(count));
        }
    }

    [Fact]
    public void The_modes_differ_in_their_pools_as_the_ablations_say()
    {
        float[] outcome = [1, 1, 1, 0, /**/ 1, 0, 0, 0];
        int[] lengths = [30, 20, 10, 1, /**/ 5, 2, 3, 4];
        Assert.Equal([2, 1, 0], Select(SelectionMode.Shortest));
        Assert.Equal([4, 2, 1, 0], Select(SelectionMode.NoCaptionReward));
        Assert.Equal([0, 1, 2], Select(SelectionMode.NoShortest).Order());
        Assert.Equal(Enumerable.Range(0, 8), Select(SelectionMode.Random).Order());

        int[] Select(SelectionMode mode)
        {
            float[] captionRewards = new float[2];
            RewardPropagation.Propagate(captionRewards, outcome, 2, 4);
            int[] selected = new int[8];
            int count = TrajectorySelection.Select(selected, outcome, captionRewards, lengths, 2, 4, 0.5f, 8, mode, 1, 1);
            return selected[..count];
        }
    }

    [Fact]
    public void The_gate_is_strict()
    {
        Assert.False(RewardPropagation.Passes(0.75f, 0.75f));
        Assert.True(RewardPropagation.Passes(0.875f, 0.75f));
    }

    [Fact]
    public void The_random_choice_is_uniform_and_repeats()
    {
        float[] outcome = [1, 0, 1, 0, 0, 1];
        int[] lengths = [1, 2, 3, 4, 5, 6];
        int[] counts = new int[6];
        int[] selected = new int[1];
        int[] again = new int[1];
        for (uint pair = 0; pair < 60_000; pair++)
        {
            TrajectorySelection.Select(selected, outcome, [0f, 0f], lengths, 2, 3, 0.75f, 1, SelectionMode.Random, 7, pair);
            TrajectorySelection.Select(again, outcome, [0f, 0f], lengths, 2, 3, 0.75f, 1, SelectionMode.Random, 7, pair);
            Assert.Equal(selected[0], again[0]);
            counts[selected[0]]++;
        }

        // Binomial(60000, 1/6): standard deviation 91; five of them.
        Assert.All(counts, count => Assert.InRange(count, 10_000 - 456, 10_000 + 456));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        float[] outcome = new float[64];
        Array.Fill(outcome, 1f);
        int[] lengths = [.. Enumerable.Range(1, 64)];
        float[] captionRewards = new float[8];
        int[] selected = new int[8];
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run()
        {
            RewardPropagation.Propagate(captionRewards, outcome, 8, 8);
            TrajectorySelection.Select(selected, outcome, captionRewards, lengths, 8, 8, 0.75f, 8, SelectionMode.Random, 1, 2);
        }
    }

    [Fact]
    public void Wrong_shapes_are_named()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => RewardPropagation.Propagate([], [], 0, 1));
        ArgumentException wrong = Assert.Throws<ArgumentException>(() => RewardPropagation.Propagate(new float[2], new float[5], 2, 3));
        Assert.Contains("outcomeRewards must hold 6 elements, found 5", wrong.Message);
        Assert.Throws<ArgumentException>(() => TrajectorySelection.Select([], [1f], [1f], [1], 1, 1, 0f, 1, SelectionMode.Shortest, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => TrajectorySelection.Select([0], [1f], [1f], [1], 1, 1, 0f, 0, SelectionMode.Shortest, 0, 0));
    }

    private static float[] Flatten(JsonElement rows) =>
        [.. rows.EnumerateArray().SelectMany(row => row.EnumerateArray()).Select(value => value.GetSingle())];
}
