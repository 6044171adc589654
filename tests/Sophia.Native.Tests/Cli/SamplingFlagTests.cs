using System.Text.Json;

namespace Sophia.Native.Tests.Cli;

/// <summary>Every option of sampling reaches the sampler: what leaves one candidate draws as greedy decoding does.</summary>
public sealed class SamplingFlagTests(SmallWorld world) : IClassFixture<SmallWorld>
{
    [Theory]
    [InlineData("--top-k 1")]
    [InlineData("--top-p 0.000001")]
    [InlineData("--min-p 0.999999")]
    public async Task One_candidate_is_the_best(string truncation)
    {
        var greedy = await Generate();
        var open = await Generate("--temperature", "1.5");
        var only = await Generate(["--temperature", "1.5", .. truncation.Split(' ')]);
        Assert.NotEqual(Ids(greedy), Ids(open));
        Assert.Equal(Ids(greedy), Ids(only));
        Assert.True(only.All(line => line.GetProperty("truncated_sampling").GetBoolean()));
        Assert.False(open[0].TryGetProperty("truncated_sampling", out _));
        // What is recorded is the policy at the temperature, not the one candidate's certainty.
        Assert.All(only.SelectMany(line => line.GetProperty("logprobs").EnumerateArray()), value => Assert.True(value.GetDouble() < -0.1));
    }

    [Fact]
    public async Task A_repetition_penalty_changes_what_is_drawn()
    {
        var greedy = await Generate();
        var penalized = await Generate("--repetition-penalty", "3");
        Assert.NotEqual(Ids(greedy), Ids(penalized));
        Assert.True(Repeated(penalized) < Repeated(greedy), $"{Repeated(penalized)} of {Repeated(greedy)}");

        static int Repeated(JsonElement[] lines) => lines.Sum(line => line.GetProperty("output_ids").GetArrayLength() - line.GetProperty("output_ids").EnumerateArray().Select(id => id.GetInt32()).Distinct().Count());
    }

    [Fact]
    public async Task The_seed_decides_the_draws()
    {
        Assert.Equal(Ids(await Generate("--temperature", "1.5", "--seed", "4")), Ids(await Generate("--temperature", "1.5", "--seed", "4")));
        Assert.NotEqual(Ids(await Generate("--temperature", "1.5", "--seed", "4")), Ids(await Generate("--temperature", "1.5", "--seed", "5")));
    }

    private async Task<JsonElement[]> Generate(params string[] options) =>
        (await CommandLine.Succeed(["generate", "--model", world.Model, "--data", world.Questions, "--max-new-tokens", "24", .. options])).Lines();

    private static string[] Ids(JsonElement[] lines) => [.. lines.Select(line => line.GetProperty("output_ids").GetRawText())];
}
