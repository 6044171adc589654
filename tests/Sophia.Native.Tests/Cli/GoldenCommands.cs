using System.Globalization;
using System.Text.Json;
using Sophia.Native.Conformance.Golden;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Cli;

/// <summary>Raw records through the command line on one backend in one precision, against the reference: no tokenizer, no image file, any model.</summary>
/// <param name="storage">The precision.</param>
/// <param name="options">What names backend and precision.</param>
public abstract class GoldenCommands(ElementType storage, params string[] options) : IDisposable
{
    private readonly GoldenTolerances _limits = GoldenTolerances.Of(storage);
    private readonly TemporaryFolder _folder = new();
    private readonly SafetensorsFile _tensors = SafetensorsFile.Open(Path.Combine(Golden, "golden.safetensors"));

    /// <summary>The golden model's folder.</summary>
    protected static string Golden { get; } = GoldenFiles.Find("models/internlm2-vit300m");

    /// <summary>Its checkpoint.</summary>
    protected static string Model => Path.Combine(Golden, "hf");

    /// <summary>Closes the golden file and removes what was written.</summary>
    public void Dispose()
    {
        _tensors.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Score_gives_the_log_probabilities_and_entropies_of_the_reference()
    {
        var records = WriteSamples();
        var result = await Succeed(["score", "--model", Model, "--data", records, .. options]);
        var lines = result.Lines();
        Assert.Equal(4, lines.Length);
        for (var s = 0; s < lines.Length; s++)
        {
            Assert.Equal($"s{s}", lines[s].GetProperty("id").GetString());
            CheckShifted($"s{s}.logp", lines[s].GetProperty("logprobs"));
            CheckShifted($"s{s}.entropy", lines[s].GetProperty("entropies"));
        }
    }

    [Fact]
    public async Task Generate_continues_a_raw_prompt_as_the_reference_does()
    {
        var prompt = _folder.Write("prompt.jsonl", Raw("gen", Integers("gen.prompt_ids"), "gen.pixel_values", "") + "\n");
        var output = _folder.File("completion.jsonl");
        var expected = Integers("gen.new_ids");
        await Succeed(["generate", "--model", Model, "--data", prompt, "--out", output, "--max-new-tokens", expected.Length.ToString(CultureInfo.InvariantCulture), .. options]);
        var completion = JsonElement.Parse(await File.ReadAllTextAsync(output, TestContext.Current.CancellationToken));
        Assert.Equal(expected, completion.GetProperty("output_ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal("length", completion.GetProperty("finish_reason").GetString());
        var logProbabilities = Floats("gen.logp");
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(logProbabilities[i], completion.GetProperty("logprobs")[i].GetDouble(), _limits.LogProbabilityAbsolute);
    }

    [Fact]
    public async Task Train_takes_raw_records_and_reports_the_loss_of_the_reference()
    {
        var records = WriteSamples();
        var recipe = _folder.Write("recipe.json", """{"steps": 2, "batch_sequences": 4, "freeze": [], "objective": {"ratio": "one", "normalization": "token-mean"}}""");
        var output = _folder.File("run");
        await Succeed(["train", "--model", Model, "--data", records, "--recipe", recipe, "--out", output, .. options]);
        var metrics = File.ReadLines(Path.Combine(output, "metrics.jsonl")).Select(line => JsonElement.Parse(line)).ToArray();
        Assert.Equal(2, metrics.Length);
        var (sum, tokens) = (0.0, 0.0);
        for (var s = 0; s < 4; s++)
        {
            var trained = Floats($"s{s}.mask").Sum();
            sum += Floats($"s{s}.loss")[0] * trained;
            tokens += trained;
        }
        // The reference divides each sample's loss by its own tokens, the batch by those of all.
        Assert.Equal(sum / tokens, metrics[0].GetProperty("loss").GetDouble(), 2 * _limits.LossAbsolute);
        Assert.True(metrics[1].GetProperty("loss").GetDouble() < metrics[0].GetProperty("loss").GetDouble());
        await Succeed(["score", "--model", Path.Combine(output, "checkpoints", "step-00000002"), "--data", records, "--out", _folder.File("after.jsonl"), .. options]);
    }

    /// <summary>Runs a command that must succeed, in this process unless a derived class has another place.</summary>
    private protected virtual Task<CommandResult> Succeed(params string[] arguments) => CommandLine.Succeed(arguments);

    /// <summary>A file in this test's own folder.</summary>
    protected string TemporaryFile(string name, string content) => _folder.Write(name, content);

    /// <summary>A path in this test's own folder where nothing stands yet.</summary>
    protected string TemporaryPath(string name) => _folder.File(name);

    /// <summary>A golden tensor of numbers.</summary>
    protected float[] Floats(string name) => GoldenModel.Floats(_tensors, name);

    private void CheckShifted(string name, JsonElement found)
    {
        var expected = Floats(name);
        Assert.Equal(expected.Length, found.GetArrayLength());
        Assert.Equal(JsonValueKind.Null, found[0].ValueKind);
        for (var i = 1; i < expected.Length; i++)
            Assert.Equal(expected[i - 1], found[i].GetDouble(), _limits.LogProbabilityAbsolute);
    }

    /// <summary>The golden samples as raw records.</summary>
    protected string WriteSamples(string rest = "")
    {
        var lines = new List<string>();
        for (var s = 0; s < 4; s++)
        {
            var ids = Integers($"s{s}.input_ids");
            var weights = Shifted($"s{s}.weights");
            var mask = Shifted($"s{s}.mask");
            var pixels = _tensors.TryFind($"s{s}.pixel_values", out _) ? $"s{s}.pixel_values" : null;
            lines.Add(Raw($"s{s}", ids, pixels, $",\"loss_mask\":[{string.Join(',', mask)}],\"token_weights\":[{string.Join(',', weights)}]{rest}"));
        }
        return _folder.Write("samples.jsonl", string.Join('\n', lines) + "\n");
    }

    /// <summary>The golden lists say at t what belongs to token t + 1.</summary>
    private string[] Shifted(string name)
    {
        var values = GoldenModel.Floats(_tensors, name);
        var shifted = new string[values.Length];
        for (var i = 0; i < values.Length; i++)
            shifted[i] = i == 0 ? "0" : values[i - 1].ToString("R", CultureInfo.InvariantCulture);
        return shifted;
    }

    private string Raw(string id, int[] ids, string? pixels, string rest)
    {
        var image = pixels is null ? "" : $",\"pixel_values\":{JsonSerializer.Serialize(Path.Combine(Golden, "golden.safetensors") + "#" + pixels)}";
        return $$"""{"id":"{{id}}","input_ids":[{{string.Join(',', ids)}}]{{image}}{{rest}}}""";
    }

    /// <summary>A golden tensor of whole numbers.</summary>
    protected int[] Integers(string name)
    {
        var values = new long[_tensors[name].ElementCount];
        _tensors[name].ReadIntegers(0, values);
        return Array.ConvertAll(values, value => (int)value);
    }
}
