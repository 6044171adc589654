using System.Text.Json;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Cli;

/// <summary>Several files, other objectives and evaluation through <c>train</c>, and benchmark files through <c>eval</c>.</summary>
public sealed class DataCommandTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Out => _folder.File("run");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Text_alone_and_images_are_mixed_supervised_and_evaluated()
    {
        WriteTraces();
        var pictures = WritePictures("pictures.jsonl");
        var recipe = _folder.Write("recipes/recipe.json", $$"""
            { "objective": {"name": "sft"}, "steps": 6, "batch_sequences": 4, "data_mix": [{"data": "../traces.jsonl", "weight": 3}],
              "eval_every": 4, "evaluation": {"data": {{JsonSerializer.Serialize(world.Questions)}}, "held_out": "../traces.jsonl", "max_new_tokens": 3, "count": 2} }
            """);
        var result = await Train("--data", pictures, "--recipe", recipe, "--seed", "3");
        Assert.Contains("traces.jsonl: 3 records to train on, 1 not selected", result.Error);
        Assert.Contains("1 of 4 records have a reward or token weights other than 1", result.Error);
        Assert.Contains("evaluation after step 4: pass@1", result.Error);
        var lines = Lines("run");
        Assert.Equal(8, lines.Length);
        var steps = lines.Where(line => line.TryGetProperty("sequences", out _)).ToArray();
        Assert.All(steps, step => Assert.Equal((1, 3), (step.GetProperty("sequences").GetProperty("--data").GetInt32(), step.GetProperty("sequences").GetProperty("../traces.jsonl").GetInt32())));
        var evaluations = lines.Where(line => line.TryGetProperty("evaluation", out _)).ToArray();
        Assert.Equal([4, 6], evaluations.Select(line => line.GetProperty("step").GetInt32()));
        Assert.All(evaluations, line => Assert.Equal(2, line.GetProperty("evaluation").GetProperty("questions").GetInt32()));
        var events = EventReader.ReadFolder(Out).SelectMany(entry => entry.Scalars.Select(scalar => (entry.Step, scalar.Tag, scalar.Value))).ToArray();
        Assert.Contains((4L, "eval/loss", (float)evaluations[0].GetProperty("evaluation").GetProperty("loss").GetDouble()), events);
        Assert.Contains((6L, "sequences/../traces.jsonl", 3f), events);

        // The loss on held-out data is the one that score gives.
        await CommandLine.Succeed("score", "--model", Path.Combine(Out, "checkpoints", "step-00000006"), "--data", _folder.File("selected.jsonl"), "--out", _folder.File("scores.jsonl"));
        var (sum, count) = (0.0, 0);
        var scores = File.ReadLines(_folder.File("scores.jsonl")).Select(line => JsonElement.Parse(line).GetProperty("logprobs")).ToArray();
        for (var i = 0; i < scores.Length; i++)
        {
            var response = Responses[i].Length + 1;
            for (var t = scores[i].GetArrayLength() - response; t < scores[i].GetArrayLength(); t++, count++)
                sum -= scores[i][t].GetDouble();
        }
        Assert.Equal(count, evaluations[1].GetProperty("evaluation").GetProperty("loss_tokens").GetInt32());
        Assert.Equal(sum / count, evaluations[1].GetProperty("evaluation").GetProperty("loss").GetDouble(), 1e-5);
    }

    [Fact]
    public async Task A_model_that_has_learned_two_of_three_answers_passes_two_thirds_while_it_is_trained_and_afterwards()
    {
        string[] questions = ["""{"id":"a","question":"What is 1 + 1?","subject":"sums","level":1,""", """{"id":"b","question":"Name a letter.","subject":"letters","level":1,""", """{"id":"c","question":"And 3 + 4?","subject":"sums","level":2,"""];
        string[] answers = ["2", "q", "7"], learned = ["2", "q", "9"];
        var traces = _folder.Write("traces.jsonl", string.Concat(questions.Zip(answers, learned).Select(entry => $$"""{{entry.First}}"answer":"{{entry.Second}}","response":"<think>so</think>\\boxed{{{entry.Third}}}"}""" + "\n")));
        var asked = _folder.Write("questions.jsonl", string.Concat(questions.Zip(answers).Select(entry => $$"""{{entry.First}}"answer":"{{entry.Second}}"}""" + "\n")));
        var recipe = _folder.Write("recipe.json", """
            { "objective": {"name": "sft"}, "steps": 120, "batch_sequences": 3, "freeze": ["vision", "projector"], "optimizer": {"learning_rate": 0.01}, "schedule": {"name": "constant"},
              "eval_every": 60, "evaluation": {"data": "questions.jsonl", "max_new_tokens": 64} }
            """);
        var checkpoint = (await Train("--data", traces, "--recipe", recipe, "--json")).Line().GetProperty("checkpoint").GetString()!;
        var last = Lines("run").Last(line => line.TryGetProperty("evaluation", out _)).GetProperty("evaluation");
        Assert.Equal((2 / 3.0, 3), (last.GetProperty("pass@1").GetDouble(), last.GetProperty("questions").GetInt32()));
        Assert.Equal(Math.Sqrt(2 / 9.0 / 3), last.GetProperty("pass@1_standard_error").GetDouble(), 12);

        var table = (await CommandLine.Succeed("eval", "--model", checkpoint, "--data", asked, "--max-new-tokens", "64", "--out", _folder.File("answers.jsonl"), "--json")).Line();
        Assert.Equal(2 / 3.0, table.GetProperty("pass@1").GetDouble(), 12);
        // Of three values of 1, 1 and 0 the unbiased deviation is sqrt(1/3).
        Assert.Equal(1 / 3.0, table.GetProperty("pass@1_standard_error").GetDouble(), 12);
        Assert.Equal(0.5, table.GetProperty("subject").GetProperty("sums").GetProperty("pass@1").GetDouble());
        Assert.Equal(1, table.GetProperty("subject").GetProperty("letters").GetProperty("pass@1").GetDouble());
        Assert.Equal(1, table.GetProperty("level").GetProperty("1").GetProperty("pass@1").GetDouble());
        Assert.Equal(0, table.GetProperty("level").GetProperty("2").GetProperty("pass@1").GetDouble());
        Assert.Equal(["True", "True", "False"], File.ReadLines(_folder.File("answers.jsonl")).Select(line => JsonElement.Parse(line).GetProperty("correct").GetBoolean().ToString()));
    }

    [Fact]
    public async Task A_mix_of_one_file_needs_no_data_option_and_trains_as_the_file_alone()
    {
        WriteTraces();
        var alone = _folder.Write("alone.json", """{ "objective": {"name": "sft"}, "steps": 3, "batch_sequences": 2 }""");
        var mix = _folder.Write("mix.json", """{ "objective": {"name": "sft"}, "steps": 3, "batch_sequences": 2, "data_mix": [{"data": "traces.jsonl"}] }""");
        await CommandLine.Succeed("train", "--model", world.Model, "--data", _folder.File("traces.jsonl"), "--recipe", alone, "--out", _folder.File("alone"));
        await Train("--recipe", mix);
        Assert.Equal(File.ReadAllBytes(_folder.File("alone/checkpoints/step-00000003/model.safetensors")), File.ReadAllBytes(Path.Combine(Out, "checkpoints/step-00000003/model.safetensors")));
    }

    [Fact]
    public async Task What_cannot_be_mixed_or_evaluated_is_refused_before_anything_is_written()
    {
        WriteTraces();
        var pictures = WritePictures("pictures.jsonl");
        await Refuse(2, """{ "steps": 1 }""", ["--data", "data_mix", "found neither"]);
        await Refuse(2, """{ "steps": 1, "data_mix": [{"data": "pictures.jsonl"}] }""", ["pictures.jsonl", "leave one of them out"], "--data", pictures);
        await Refuse(1, """{ "steps": 1, "data_mix": [{"data": "lost.jsonl"}] }""", ["lost.jsonl", "found nothing there"], "--data", pictures);
        await Refuse(1, """{ "steps": 1, "data_mix": [{"data": "empty.jsonl"}] }""", ["empty.jsonl", "at least one record"], "--data", pictures);
        await Refuse(1, """{ "steps": 1, "objective": {"name": "sft"}, "data_mix": [{"data": "unselected.jsonl"}] }""", ["unselected.jsonl", "at least one record to train on"], "--data", pictures);
        await Refuse(1, """{ "steps": 1, "eval_every": 1, "evaluation": {"data": "open.jsonl"} }""", ["open.jsonl:1", "a gold answer"], "--data", pictures);
        await Refuse(1, """{ "steps": 1, "eval_every": 1, "evaluation": {"held_out": "unselected.jsonl"} }""", ["unselected.jsonl", "to evaluate on"], "--data", pictures);
        await Refuse(1, """{ "steps": 1, "eval_every": 1, "evaluation": {"data": "long.jsonl"} }""", ["long.jsonl:1", "fewer than 4096 tokens"], "--data", pictures);
    }

    [Fact]
    public async Task Benchmark_files_are_evaluated_as_they_are_published()
    {
        Directory.CreateDirectory(_folder.File("images"));
        File.Copy(world.Image, _folder.File("images/1.png"));
        var vista = _folder.Write("testmini.json", """
            {"1": {"question": "How many?", "image": "images/1.png", "choices": null, "unit": "g", "precision": null, "answer": "3", "question_type": "free_form", "answer_type": "integer", "pid": "1",
                   "metadata": {"task": "counting", "grade": "high school", "skills": ["a", "b"]}},
             "2": {"question": "Which?", "image": "images/1.png", "choices": ["red", "blue"], "unit": null, "precision": null, "answer": "red", "question_type": "multi_choice", "answer_type": "text", "pid": "2",
                   "metadata": {"task": "naming", "grade": "high school", "skills": ["b"]}}}
            """);
        var table = (await Evaluate(vista, "--samples", "3", "--temperature", "1")).Line();
        Assert.Equal(2, table.GetProperty("skills").GetProperty("b").GetProperty("questions").GetInt32());
        Assert.Equal(1, table.GetProperty("skills").GetProperty("a").GetProperty("questions").GetInt32());
        Assert.Equal(1, table.GetProperty("question_type").GetProperty("multi_choice").GetProperty("questions").GetInt32());
        Assert.Equal(2, table.GetProperty("grade").GetProperty("high school").GetProperty("questions").GetInt32());
        foreach (var depth in (int[])[1, 2, 3])
            Assert.InRange(table.GetProperty($"pass@{depth}").GetDouble(), 0, 1);
        Assert.False(table.TryGetProperty("pass@4", out _));
        // The answers to a question are draws of their own.
        var answers = File.ReadLines(_folder.File("answers.jsonl")).Select(line => JsonElement.Parse(line)).ToLookup(answer => answer.GetProperty("id").GetRawText(), answer => answer.GetProperty("text").GetString());
        Assert.Equal([3, 3], answers.Select(texts => texts.Count()));
        Assert.Contains(answers, texts => texts.Distinct().Count() > 1);
        Assert.False(table.TryGetProperty("subfield", out _));

        var olympiad = _folder.Write("data/OE_MM_maths_en_COMP.json", """
            [{"id": 5, "subfield": "Geometry", "context": null, "question": "See <img_1>. How many?", "final_answer": ["3"], "is_multiple_answer": false, "unit": null, "answer_type": "Numerical", "error": null,
              "subject": "Math", "language": "English"}]
            """);
        table = (await Evaluate(olympiad)).Line();
        Assert.Equal(1, table.GetProperty("subfield").GetProperty("Geometry").GetProperty("questions").GetInt32());
        Assert.Equal("5", JsonElement.Parse(await File.ReadAllTextAsync(_folder.File("answers.jsonl"), TestContext.Current.CancellationToken)).GetProperty("id").GetRawText());
        await CommandLine.Refuse(1, _folder.Path, ["proofs.json:1", "a gold answer"], "eval", "--model", world.Model, "--data", _folder.Write("proofs.json", """[{"id": 1, "question": "Prove it.", "final_answer": null}]"""));
    }

    /// <summary>Texts without the two merges of the tokenizer, so that every character is a token.</summary>
    private static readonly string[] Responses = ["so it is", "b", "1 + 1"];

    /// <summary>Text-only traces, one of them with another reward and one that is not selected; also files that cannot be used.</summary>
    private void WriteTraces()
    {
        string Trace(int number, string rest = "") => $$"""{"id":"t{{number}}","question":"What is {{number}}?","answer":"a","response":{{JsonSerializer.Serialize(Responses[number])}}{{rest}}}""";
        string[] selected = [Trace(0), Trace(1, ",\"reward\":0.5"), Trace(2)];
        _folder.Write("selected.jsonl", string.Join('\n', selected) + "\n");
        _folder.Write("traces.jsonl", string.Join('\n', [.. selected, """{"question":"q","response":"r","selected":false}"""]) + "\n");
        _folder.Write("unselected.jsonl", """{"question":"q","response":"r","selected":false}""" + "\n");
        _folder.Write("open.jsonl", """{"question":"q"}""" + "\n");
        _folder.Write("empty.jsonl", "");
        _folder.Write("long.jsonl", $$"""{"question":"{{new string('x', 5000)}}","answer":"1"}""" + "\n");
    }

    private string WritePictures(string name) =>
        _folder.Write(name, $$"""{"id":"p","image":{{JsonSerializer.Serialize(world.Image)}},"question":"Which color?","answer":"red","response":"red"}""" + "\n");

    private Task<CommandResult> Train(params string[] options) => CommandLine.Succeed(["train", "--model", world.Model, "--out", Out, .. options]);

    private Task Refuse(int code, string recipe, string[] parts, params string[] options) =>
        CommandLine.Refuse(code, _folder.Path, parts, ["train", "--model", world.Model, "--recipe", _folder.Write("refused.json", recipe), "--out", Out, .. options]);

    private Task<CommandResult> Evaluate(string data, params string[] options) =>
        CommandLine.Succeed(["eval", "--model", world.Model, "--data", data, "--max-new-tokens", "3", "--out", _folder.File("answers.jsonl"), "--json", .. options]);

    private JsonElement[] Lines(string run) => [.. File.ReadLines(Path.Combine(_folder.File(run), "metrics.jsonl")).Select(line => JsonElement.Parse(line))];
}
