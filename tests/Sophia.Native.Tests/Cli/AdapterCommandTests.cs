using System.Text.Json;

namespace Sophia.Native.Tests.Cli;

/// <summary>An adapter on its way through the command line: trained, scored and generated with, gone on with, merged.</summary>
public sealed class AdapterCommandTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Records => _folder.File("records.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_is_trained_scored_and_merged_to_the_same_scores()
    {
        var adapter = await Train("run", """{"rank": 4, "alpha": 8, "targets": ["q_proj", "v_proj", "linear_1", "down_proj"]}""", """["vision"]""");
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors", "trainer.json"], Directory.GetFiles(adapter).Select(Path.GetFileName).Order());
        var config = JsonElement.Parse(await File.ReadAllTextAsync(Path.Combine(adapter, "adapter_config.json"), TestContext.Current.CancellationToken));
        Assert.Equal(world.Model, config.GetProperty("base_model_name_or_path").GetString());
        Assert.Equal(1 + 2 * 3, config.GetProperty("target_modules").GetArrayLength());
        var plain = await Score("--model", world.Model);
        var adapted = await Score("--model", world.Model, "--adapter", adapter);
        Assert.True(Largest(plain, adapted) > 0.01, $"{Largest(plain, adapted)}");

        var merged = _folder.File("merged");
        var told = (await CommandLine.Succeed("merge", "--model", world.Model, "--adapter", adapter, "--out", merged, "--json")).Line();
        Assert.Equal((7, 4), (told.GetProperty("merged_layers").GetInt32(), told.GetProperty("rank").GetInt32()));
        Assert.Equal(Directory.GetFiles(world.Model).Select(Path.GetFileName).Order(), Directory.GetFiles(merged).Select(Path.GetFileName).Order());
        // One rounding of W + BA against two products in fp32, some layers deep.
        Assert.True(Largest(adapted, await Score("--model", merged)) < 2e-5);
        var rounded = _folder.File("rounded");
        await CommandLine.Succeed("merge", "--model", world.Model, "--adapter", adapter, "--out", rounded, "--save-dtype", "bf16");
        Assert.True(new FileInfo(Path.Combine(rounded, "model.safetensors")).Length < 0.6 * new FileInfo(Path.Combine(merged, "model.safetensors")).Length);
    }

    [Fact]
    public async Task Generation_and_evaluation_take_it_and_a_record_scores_as_it_was_generated()
    {
        var adapter = await Train("run", "{}", "[]");
        await CommandLine.Succeed("generate", "--model", world.Model, "--adapter", adapter, "--data", world.Questions, "--out", _folder.File("with.jsonl"), "--max-new-tokens", "8");
        await CommandLine.Succeed("generate", "--model", world.Model, "--data", world.Questions, "--out", _folder.File("without.jsonl"), "--max-new-tokens", "8");
        Assert.NotEqual(await Read("with.jsonl"), await Read("without.jsonl"));
        var prompt = _folder.Write("prompt.jsonl", """{"id":"p","input_ids":[3,1,4,1,5,9,2,6]}""" + "\n");
        var generated = (await CommandLine.Succeed("generate", "--model", world.Model, "--adapter", adapter, "--data", prompt, "--max-new-tokens", "12")).Line();
        var ids = generated.GetProperty("output_ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
        var whole = _folder.Write("whole.jsonl", $$"""{"id":"p","input_ids":[3,1,4,1,5,9,2,6,{{string.Join(',', ids)}}]}""" + "\n");
        var scores = (await CommandLine.Succeed("score", "--model", world.Model, "--adapter", adapter, "--data", whole)).Line().GetProperty("logprobs");
        Assert.Equal(generated.GetProperty("logprobs").EnumerateArray().Select(value => value.GetSingle()), scores.EnumerateArray().Skip(8).Select(value => value.GetSingle()));
        await CommandLine.Succeed("eval", "--model", world.Model, "--adapter", adapter, "--data", world.Questions, "--max-new-tokens", "4");
    }

    [Fact]
    public async Task Training_goes_on_with_it_where_the_recipe_describes_it()
    {
        const string lora = """{"rank": 2, "alpha": 2, "targets": ["o_proj"]}""";
        var adapter = await Train("run", lora, """["vision", "projector"]""");
        var further = await Train("further", lora, """["vision", "projector"]""", "--adapter", adapter);
        var first = Loss("run", 0);
        Assert.True(Loss("further", 0) < first, $"{Loss("further", 0)} after {first}");
        Assert.True(Largest(await Score("--model", world.Model, "--adapter", adapter), await Score("--model", world.Model, "--adapter", further)) > 1e-4);

        var other = WriteRecipe("""{"rank": 3, "alpha": 2, "targets": ["o_proj"]}""", """["vision", "projector"]""");
        await Refuse(1, ["rank 3 and alpha 2", "rank 2 and alpha 2"], "train", "--model", world.Model, "--adapter", adapter, "--data", Records, "--recipe", other, "--out", _folder.File("other"));
        await Refuse(2, ["--adapter: expected a recipe with \"lora\"", "sophia merge"], "train", "--model", world.Model, "--adapter", adapter, "--data", Records, "--recipe", world.Recipe, "--out", _folder.File("other"));
    }

    [Fact]
    public async Task What_is_no_adapter_of_the_model_is_told_and_nothing_is_written()
    {
        WriteRecords();
        var none = _folder.File("none");
        await Refuse(1, [none, "no such folder"], "score", "--model", world.Model, "--adapter", none, "--data", Records);
        await Refuse(1, [none, "no such folder"], "merge", "--model", world.Model, "--adapter", none, "--out", _folder.File("merged"));
        await Refuse(1, [world.Model, "adapter_config.json"], "generate", "--model", world.Model, "--adapter", world.Model, "--data", Records);
        await Refuse(1, ["a new or empty folder"], "merge", "--model", world.Model, "--adapter", none, "--out", _folder.Path);
        var unknown = WriteRecipe("""{"targets": ["q_projection"]}""", "[]");
        await Refuse(1, ["q_proj, k_proj", "found \"q_projection\""], "train", "--model", world.Model, "--data", Records, "--recipe", unknown, "--out", _folder.File("run"));
        var frozen = WriteRecipe("""{"targets": ["linear_1"]}""", """["projector"]""");
        await Refuse(1, ["found \"linear_1\", which lies in the part projector"], "train", "--model", world.Model, "--data", Records, "--recipe", frozen, "--out", _folder.File("run"));
        var dropout = WriteRecipe("""{"dropout": 0.1}""", "[]");
        await Refuse(1, ["lora.dropout", "without dropout"], "train", "--model", world.Model, "--data", Records, "--recipe", dropout, "--out", _folder.File("run"));
    }

    private Task Refuse(int code, string[] parts, params string[] arguments) => CommandLine.Refuse(code, _folder.Path, parts, arguments);

    private async Task<string> Train(string name, string lora, string freeze, params string[] options)
    {
        WriteRecords();
        var output = _folder.File(name);
        await CommandLine.Succeed(["train", "--model", world.Model, "--data", Records, "--recipe", WriteRecipe(lora, freeze), "--out", output, "--seed", "2", .. options]);
        return Path.Combine(output, "checkpoints", "step-00000006");
    }

    private string WriteRecipe(string lora, string freeze) => _folder.Write("recipe.json",
        $$"""{"steps": 6, "batch_sequences": 2, "freeze": {{freeze}}, "lora": {{lora}}, "optimizer": {"learning_rate": 0.02}, "schedule": {"name": "constant"}, "objective": {"ratio": "one"}, "recompute": true}""");

    private void WriteRecords() => _folder.Write("records.jsonl",
        $$"""{"id":"one","image":{{JsonSerializer.Serialize(world.Image)}},"question":"Which color?","answer":"red","response":"It is red, so \\boxed{red}.","reward":1}""" + "\n"
        + """{"id":"two","question":"What is 1 + 1?","answer":"2","response":"That makes \\boxed{2}.","reward":1}""" + "\n");

    private async Task<double[]> Score(params string[] model)
    {
        var result = await CommandLine.Succeed(["score", .. model, "--data", Records]);
        return [.. result.Lines().SelectMany(line => line.GetProperty("logprobs").EnumerateArray().Skip(1)).Select(value => value.GetDouble())];
    }

    private Task<string> Read(string name) => File.ReadAllTextAsync(_folder.File(name), TestContext.Current.CancellationToken);

    private double Loss(string run, int step) => JsonElement.Parse(File.ReadLines(Path.Combine(_folder.File(run), "metrics.jsonl")).ElementAt(step)).GetProperty("loss").GetDouble();

    private static double Largest(double[] first, double[] second)
    {
        Assert.Equal(first.Length, second.Length);
        return first.Zip(second, (one, other) => Math.Abs(one - other)).Max();
    }
}
