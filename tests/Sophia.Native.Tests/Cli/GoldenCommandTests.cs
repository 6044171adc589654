using System.Text.Json;
using Sophia.Native.Conformance.Golden;
using Sophia.Native.Objectives;
using Sophia.Native.Reference;

namespace Sophia.Native.Tests.Cli;

/// <summary>The golden commands on the CPU, and what does not depend on the backend.</summary>
public sealed class GoldenCommandTests() : GoldenCommands(ElementType.Float32)
{
    [Theory]
    [InlineData("", "--temperature 0.5")]
    [InlineData(",\"temperature\":0.5", "")]
    [InlineData(",\"temperature\":3", "--temperature 0.5")]
    public async Task A_temperature_divides_the_logits_and_the_option_wins_over_the_record(string field, string option)
    {
        var records = WriteSamples(field);
        var result = await CommandLine.Succeed(["score", "--model", Model, "--data", records, .. option.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        var ids = Integers("s3.input_ids");
        var logits = Floats("s3.logits");
        var vocabulary = logits.Length / ids.Length;
        var found = result.Lines()[3].GetProperty("logprobs");
        for (var i = 1; i < ids.Length; i++)
        {
            var row = logits.AsSpan((i - 1) * vocabulary, vocabulary);
            var sum = 0.0;
            foreach (var logit in row)
                sum += Math.Exp(logit / 0.5);
            Assert.Equal(row[ids[i]] / 0.5 - Math.Log(sum), found[i].GetDouble(), 2 * GoldenTolerances.Of(ElementType.Float32).LogProbabilityAbsolute);
        }
    }

    [Theory]
    [InlineData("token-mean", NormalizationMode.TokenMean)]
    [InlineData("token-sum", NormalizationMode.TokenSum)]
    [InlineData("sequence-mean-token-sum", NormalizationMode.SequenceMeanTokenSum)]
    [InlineData("sequence-mean-token-mean", NormalizationMode.SequenceMeanTokenMean)]
    [InlineData("square", NormalizationMode.Square)]
    public async Task Supervised_fine_tuning_reports_the_negative_log_likelihood_of_the_reference(string name, NormalizationMode mode)
    {
        var recipe = TemporaryFile("recipe.json", $$"""{"steps": 2, "batch_sequences": 4, "freeze": [], "objective": {"name": "sft", "normalization": "{{name}}" } }""");
        var run = TemporaryPath(name);
        // Rewards, log-probabilities and temperatures of the records play no part.
        await CommandLine.Succeed("train", "--model", Model, "--data", WriteSamples(",\"temperature\":0.5"), "--recipe", recipe, "--out", run);
        var losses = File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line => JsonElement.Parse(line).GetProperty("loss").GetDouble()).ToArray();
        var (logProbabilities, mask, offsets) = (new List<float>(), new List<byte>(), new List<int> { 0 });
        for (var s = 0; s < 4; s++)
        {
            logProbabilities.AddRange(Floats($"s{s}.logp"));
            mask.AddRange(Floats($"s{s}.mask").Select(value => (byte)value));
            offsets.Add(mask.Count);
        }
        var normalizers = new double[mask.Count];
        ReferenceOperations.LossNormalizers(normalizers, mask.ToArray(), offsets.ToArray(), (ReferenceNormalization)mode);
        var expected = 0.0;
        for (var n = 0; n < normalizers.Length; n++)
            expected -= normalizers[n] * logProbabilities[n];
        Assert.InRange(losses[0] / expected, 1 - 1e-5, 1 + 1e-5);
        Assert.True(losses[1] < losses[0]);
    }

    [Theory]
    [InlineData("hf")]
    [InlineData("original")]
    public async Task Inspect_counts_the_parameters(string layout)
    {
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Golden, "golden.json")));
        var result = await CommandLine.Succeed("inspect", "--model", Path.Combine(Golden, layout), "--json");
        Assert.Equal(facts.RootElement.GetProperty("parameters").GetInt64(), result.Line().GetProperty("parameters").GetInt64());
        Assert.Contains("InternLM2", result.Error);
    }

    [Fact]
    public async Task Inspect_plans_the_memory_of_the_precision()
    {
        var single = (await CommandLine.Succeed("inspect", "--model", Model, "--json")).Line();
        var half = (await CommandLine.Succeed("inspect", "--model", Model, "--json", "--precision", "bf16")).Line();
        var parameters = single.GetProperty("parameter_bytes").GetInt64();
        Assert.Equal(parameters / 2, half.GetProperty("parameter_bytes").GetInt64());
        Assert.Equal(3 * parameters, single.GetProperty("training_state_bytes").GetInt64());
        Assert.Equal(4 * parameters, half.GetProperty("training_state_bytes").GetInt64());
        foreach (var name in (string[])["inference_activation_bytes", "training_activation_bytes", "recomputed_activation_bytes"])
            Assert.InRange(half.GetProperty(name).GetInt64(), single.GetProperty(name).GetInt64() / 2, single.GetProperty(name).GetInt64() - 1);
        Assert.InRange(single.GetProperty("recomputed_activation_bytes").GetInt64(), single.GetProperty("inference_activation_bytes").GetInt64(), single.GetProperty("training_activation_bytes").GetInt64() - 1);
    }
}
