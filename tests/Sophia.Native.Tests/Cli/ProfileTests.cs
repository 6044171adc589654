using System.Text.Json;

namespace Sophia.Native.Tests.Cli;

/// <summary>--profile: what it writes, and that it changes nothing else.</summary>
public sealed class ProfileTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_profile_changes_no_bit_of_a_training_and_names_every_operation_of_it()
    {
        var data = _folder.Write("data.jsonl", """{"question":"What is 1 + 1?","image":[],"response":"It is 2.","reward":1}""" + "\n");
        string[] train = ["train", "--model", world.Model, "--data", data, "--recipe", world.Recipe, "--out"];
        await CommandLine.Succeed([.. train, _folder.File("plain")]);
        var result = await CommandLine.Succeed([.. train, _folder.File("profiled"), "--profile", _folder.File("trace.json")]);
        Assert.Equal(
            File.ReadAllBytes(_folder.File("plain/checkpoints/step-00000002/model.safetensors")),
            File.ReadAllBytes(_folder.File("profiled/checkpoints/step-00000002/model.safetensors")));

        var trace = JsonElement.Parse(await File.ReadAllTextAsync(_folder.File("trace.json"), TestContext.Current.CancellationToken));
        Assert.True(trace.GetProperty("otherData").GetProperty("peak_operations_per_second").GetDouble() > 0);
        var events = trace.GetProperty("traceEvents").EnumerateArray().ToArray();
        var names = events.Select(item => item.GetProperty("name").GetString()).ToHashSet();
        foreach (var name in (string[])["LinearForward", "LinearBackwardInput", "LinearBackwardWeight", "AttentionForward", "AttentionBackward", "RmsNormForward", "Rope", "SwiGluBackward", "HeadObjective", "GradientNorm", "AdamW"])
        {
            Assert.Contains(name, names);
            Assert.Contains(name, result.Error);
        }
        var end = 0.0;
        foreach (var item in events)
        {
            // One stream: an operation begins after the end of the one before; both are rounded to the clock's ticks.
            Assert.True(item.GetProperty("ts").GetDouble() >= end - 1, $"{item} begins before {end}");
            end = item.GetProperty("ts").GetDouble() + item.GetProperty("dur").GetDouble();
        }
    }

    [Fact]
    public async Task Operations_are_counted_as_the_formulas_say()
    {
        var data = _folder.Write("data.jsonl", """{"input_ids":[1,2,3,4,5,6,7]}""" + "\n");
        await CommandLine.Succeed("score", "--model", world.Model, "--data", data, "--out", _folder.File("scores.jsonl"), "--profile", _folder.File("trace.json"));
        var events = JsonElement.Parse(await File.ReadAllTextAsync(_folder.File("trace.json"), TestContext.Current.CancellationToken)).GetProperty("traceEvents").EnumerateArray().ToArray();
        // Seven tokens, two layers of two heads of 16 and a causal triangle of 28 pairs: two products of 2 operations each.
        Assert.Equal([4.0 * 28 * 32, 4.0 * 28 * 32], Operations(events, "AttentionForward"));
        // Six tokens are predicted, 320 x 32 weights.
        Assert.Equal([2.0 * 6 * 320 * 32], Operations(events, "HeadForward"));
    }

    /// <summary>The numbers are the same with and without it, so that the operations alone show that the recipe's recompute is heeded.</summary>
    [Fact]
    public async Task Recomputation_runs_every_layer_a_second_time()
    {
        var data = _folder.Write("data.jsonl", """{"question":"What is 1 + 1?","image":[],"response":"It is 2.","reward":1}""" + "\n");
        var (kept, recomputed) = (await AttentionCalls("false"), await AttentionCalls("true"));
        // Two layers of the decoder: the last one's activations are still there when the way back begins.
        Assert.Equal(2, kept);
        Assert.InRange(recomputed, 3, 4);

        async Task<int> AttentionCalls(string recompute)
        {
            var recipe = _folder.Write($"{recompute}.json", $$"""{"steps": 1, "batch_sequences": 1, "objective": {"ratio": "one"}, "recompute": {{recompute}}}""");
            await CommandLine.Succeed("train", "--model", world.Model, "--data", data, "--recipe", recipe, "--out", _folder.File($"run-{recompute}"), "--profile", _folder.File($"{recompute}-trace.json"));
            var trace = JsonElement.Parse(await File.ReadAllTextAsync(_folder.File($"{recompute}-trace.json"), TestContext.Current.CancellationToken));
            return trace.GetProperty("traceEvents").EnumerateArray().Count(item => item.GetProperty("name").GetString() == "AttentionForward");
        }
    }

    [Fact]
    public async Task A_rollout_with_a_model_as_reasoner_has_the_profile_of_its_policy()
    {
        var result = await CommandLine.Succeed("rollout", "--model", world.Model, "--data", world.Questions, "--store", _folder.File("store"), "--captions", "1", "--answers", "1", "--max-new-tokens", "2",
            "--reasoner", "model", "--reasoner-model", world.Model, "--max-answer-tokens", "2", "--out", _folder.File("trajectories.jsonl"), "--profile", _folder.File("trace.json"));
        Assert.Single(result.Error.Split('\n'), line => line.StartsWith("profile:", StringComparison.Ordinal));
        var trace = JsonElement.Parse(await File.ReadAllTextAsync(_folder.File("trace.json"), TestContext.Current.CancellationToken));
        Assert.Contains(trace.GetProperty("traceEvents").EnumerateArray(), item => item.GetProperty("name").GetString() == "SampleTokens");
        Assert.Equal(3, File.ReadLines(_folder.File("trajectories.jsonl")).Count());
    }

    private static double[] Operations(JsonElement[] events, string name) =>
        [.. events.Where(item => item.GetProperty("name").GetString() == name).Select(item => item.GetProperty("args").GetProperty("operations").GetDouble())];
}
