using System.Text.Json;
using Sophia.Native.Cli;
using Sophia.Native.Models;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Captioning;
using Sophia.Native.Pipeline.Rollouts;
using Sophia.Native.Tests.Pipeline;

namespace Sophia.Native.Tests.Cli;

/// <summary>A whole round through the command line with a model of our own: stages, resumption, what a store refuses, and the way into training and evaluation.</summary>
public sealed class RoundCommandTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Store => _folder.File("store");

    private string Replay => world.WriteReplay(_folder.File("answers.jsonl"), 2, 3);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_stages_one_by_one_and_in_a_row_write_the_same_trajectories()
    {
        await Caption(Store);
        await CommandLine.Succeed("reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "replay", "--replay", Replay);
        var reward = await CommandLine.Succeed("reward", "--store", Store, "--tokenizer", world.Model, "--alpha", "0.6", "--out", _folder.File("stages.jsonl"), "--json");
        Assert.Equal(3, reward.Line().GetProperty("pairs").GetInt32());
        await Rollout(_folder.File("other"), _folder.File("row.jsonl"));
        Assert.Equal(File.ReadAllText(_folder.File("stages.jsonl")), File.ReadAllText(_folder.File("row.jsonl")));

        var trajectories = File.ReadLines(_folder.File("row.jsonl")).Select(line => JsonElement.Parse(line)).ToArray();
        Assert.Equal(3 * 2 * 3, trajectories.Length);
        foreach (var trajectory in trajectories)
        {
            var isRight = trajectory.GetProperty("response").GetString()!.Contains("boxed", StringComparison.Ordinal);
            Assert.Equal(isRight ? 1 : 0, trajectory.GetProperty("outcome_reward").GetInt32());
            // Two of three answers to every caption are right: 2/3 passes 0.6.
            Assert.Equal(2 / 3.0, trajectory.GetProperty("caption_reward").GetDouble(), 1e-6);
        }
        Assert.Equal(3, trajectories.Count(trajectory => trajectory.GetProperty("selected").GetBoolean()));
    }

    [Fact]
    public async Task Trajectories_train_a_checkpoint_that_evaluates()
    {
        await Rollout(Store, _folder.File("trajectories.jsonl"));
        var train = await CommandLine.Succeed("train", "--model", world.Model, "--data", _folder.File("trajectories.jsonl"), "--recipe", world.Recipe, "--out", _folder.File("run"), "--json");
        var checkpoint = train.Line().GetProperty("checkpoint").GetString()!;
        Assert.Equal(Path.Combine(_folder.File("run"), "checkpoints", "step-00000002"), checkpoint);
        Assert.Contains("3 records to train on, 15 not selected", train.Error);
        var evaluation = await CommandLine.Succeed("eval", "--model", checkpoint, "--data", world.Questions, "--max-new-tokens", "4", "--samples", "2", "--temperature", "1", "--out", _folder.File("answers-after.jsonl"), "--json");
        var table = evaluation.Line();
        Assert.Equal(3, table.GetProperty("questions").GetInt32());
        Assert.Equal(2, table.GetProperty("subject").GetProperty("counting").GetProperty("questions").GetInt32());
        Assert.Equal(2, table.GetProperty("level").GetProperty("1").GetProperty("questions").GetInt32());
        Assert.InRange(table.GetProperty("pass@2").GetDouble(), table.GetProperty("pass@1").GetDouble(), 1);
        Assert.Equal(6, File.ReadLines(_folder.File("answers-after.jsonl")).Count());
    }

    [Fact]
    public async Task The_text_of_a_question_never_reaches_its_caption()
    {
        var directory = Path.GetDirectoryName(world.Questions)!;
        var others = Path.Combine(directory, $"others-{Guid.NewGuid():N}.jsonl");
        await File.WriteAllTextAsync(others, File.ReadAllText(world.Questions).Replace("An unmistakable question: which color?", "Something else").Replace("\"answer\":\"2\"", "\"answer\":\"17\"").Replace("blue\"]", "green\"]"), TestContext.Current.CancellationToken);
        await Caption(Store);
        await CommandLine.Succeed(CaptionArguments(_folder.File("others"), others));
        Assert.NotEqual(File.ReadAllText(Path.Combine(Store, "questions.jsonl")), File.ReadAllText(_folder.File("others/questions.jsonl")));
        Assert.Equal(File.ReadAllText(Path.Combine(Store, "captions.jsonl")), File.ReadAllText(_folder.File("others/captions.jsonl")));

        // The images do reach it: with them changed the captions change.
        var swapped = Path.Combine(directory, $"swapped-{Guid.NewGuid():N}.jsonl");
        await File.WriteAllTextAsync(swapped, File.ReadAllText(world.Questions).Replace("\"image\":\"red.png\"", "\"image\":\"blue.png\""), TestContext.Current.CancellationToken);
        await CommandLine.Succeed(CaptionArguments(_folder.File("swapped"), swapped));
        Assert.NotEqual(File.ReadAllText(Path.Combine(Store, "captions.jsonl")), File.ReadAllText(_folder.File("swapped/captions.jsonl")));
    }

    [Fact]
    public void The_prompt_of_the_captioner_is_the_instruction_and_the_images()
    {
        var processor = InternVLProcessor.Load(world.Model);
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        using var parameters = new ParameterSet(backend, new(processor.Config));
        using var model = new InternVL(processor.Config, parameters, processor.ImageTokenId);
        var captioner = new ModelCaptioner(model, processor, 2, new());
        var text = processor.Tokenizer.Decode(captioner.Prompt([world.Image]).Ids);
        Assert.Contains(Prompts.CaptionInstruction, text);
        Assert.DoesNotContain("unmistakable", text);
        var rest = text.Replace(Prompts.CaptionInstruction, "").Replace("<IMG_CONTEXT>", "").Replace("<img>", "").Replace("</img>", "");
        Assert.DoesNotContain("?", rest);
    }

    [Fact]
    public async Task A_store_goes_on_with_what_it_was_begun_with_and_refuses_anything_else()
    {
        await Caption(Store);
        var captions = File.ReadAllText(Path.Combine(Store, "captions.jsonl"));
        await Caption(Store);
        Assert.Equal(captions, File.ReadAllText(Path.Combine(Store, "captions.jsonl")));

        var command = CaptionArguments(Store, world.Questions);
        await Refuse(["max-new-tokens = 3", "found 4"], Changed(command, "--max-new-tokens", "4"));
        await Refuse(["temperature = 1", "found 0.5"], [.. command, "--temperature", "0.5"]);
        await Refuse(["repetition-penalty = none", "found 5"], [.. command, "--repetition-penalty", "5"]);
        await Refuse(["captions = 2", "found 3"], Changed(command, "--captions", "3"));
        await Refuse(["seed = 1", "found 2"], Changed(command, "--seed", "2"));
        var other = _folder.File("other-model");
        await CommandLine.Succeed("init", "--config", world.Config, "--tokenizer", world.Tokenizer, "--out", other, "--seed", "6");
        await Refuse(["model = "], Changed(command, "--model", other));
        Directory.Delete(other, recursive: true);
        // A copy of the model is the model.
        await CommandLine.Succeed(Changed(command, "--model", world.CopyModel(other)));

        var questions = Path.Combine(Path.GetDirectoryName(world.Questions)!, $"changed-{Guid.NewGuid():N}.jsonl");
        await File.WriteAllTextAsync(questions, File.ReadAllText(world.Questions).Replace("1 + 1", "1 + 2"), TestContext.Current.CancellationToken);
        await Refuse([questions + ":3", "three"], Changed(command, "--data", questions));
        await File.WriteAllLinesAsync(questions, File.ReadLines(world.Questions).Take(2), TestContext.Current.CancellationToken);
        await Refuse(["3 questions", "found 2"], Changed(command, "--data", questions));
    }

    [Fact]
    public async Task A_repetition_penalty_reaches_the_captions_and_a_store_goes_on_with_it_alone()
    {
        string[] command = [.. Changed(CaptionArguments(Store, world.Questions), "--max-new-tokens", "24"), "--repetition-penalty", "5"];
        await CommandLine.Succeed(command);
        await CommandLine.Succeed(Changed(CaptionArguments(_folder.File("plain"), world.Questions), "--max-new-tokens", "24"));
        Assert.NotEqual(File.ReadAllText(_folder.File("plain/captions.jsonl")), File.ReadAllText(Path.Combine(Store, "captions.jsonl")));
        await Refuse(["repetition-penalty = 5", "found none"], command[..^2]);
    }

    [Fact]
    public async Task A_reasoner_is_settled_too_and_missing_captions_or_answers_are_named()
    {
        await CommandLine.Succeed([.. CaptionArguments(Store, world.Questions), "--shard", "1/2"]);
        string[] reason = ["reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "replay", "--replay", Replay];
        var refused = await CommandLine.Run(reason);
        Assert.Equal(1, refused.Code);
        Assert.Contains("expected caption 0 of question \"2\", found none", refused.Error);

        await CommandLine.Succeed([.. CaptionArguments(Store, world.Questions), "--shard", "2/2"]);
        var few = _folder.Write("short.jsonl", File.ReadLines(Replay).First() + "\n");
        refused = await CommandLine.Run("reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "replay", "--replay", few);
        Assert.Equal(1, refused.Code);
        Assert.Contains("id \"one\", caption_index 0, trajectory_index 1", refused.Error);
        await CommandLine.Succeed(reason);
        await Refuse(["reasoner = replay", "found embedded"], ["reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "embedded"]);
    }

    [Fact]
    public async Task The_status_says_what_is_settled_or_given_and_leaves_the_rest_open()
    {
        RolloutStore.Create(Store, DataFile.ReadQuestions(world.Questions)).Dispose();
        await Expect("captions not begun, answers not begun", """{"questions":3,"captions":0,"captions_total":null,"answers":0,"answers_total":null}""");
        await Expect("captions 0 of 15, answers not begun", """{"questions":3,"captions":0,"captions_total":15,"answers":0,"answers_total":null}""", "--captions", "5");
        await Expect("captions not begun, answers not begun", """{"questions":3,"captions":0,"captions_total":null,"answers":0,"answers_total":null}""", "--answers", "5");
        await CommandLine.Succeed([.. CaptionArguments(Store, world.Questions), "--shard", "1/2"]);
        await Expect("captions 4 of 6, answers not begun", """{"questions":3,"captions":4,"captions_total":6,"answers":0,"answers_total":null}""");
        // What is settled counts, whatever is given beside it.
        await Expect("captions 4 of 6, answers 0 of 30", """{"questions":3,"captions":4,"captions_total":6,"answers":0,"answers_total":30}""", "--captions", "7", "--answers", "5");
        await CommandLine.Succeed([.. CaptionArguments(Store, world.Questions), "--shard", "2/2"]);
        await CommandLine.Succeed("reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "replay", "--replay", Replay, "--shard", "2/2");
        await Expect("captions 6 of 6, answers 6 of 18", """{"questions":3,"captions":6,"captions_total":6,"answers":6,"answers_total":18}""");
        await Expect("1 questions, captions 2 of 2, answers 6 of 6", """{"questions":1,"captions":2,"captions_total":2,"answers":6,"answers_total":6}""", "--shard", "2/2");

        async Task Expect(string text, string json, params string[] options)
        {
            string[] command = ["rollout", "--store", Store, "--status", .. options];
            Assert.EndsWith(text, (await CommandLine.Succeed(command)).Out.TrimEnd());
            Assert.Equal(json, (await CommandLine.Succeed([.. command, "--json"])).Out.TrimEnd());
        }
    }

    [Fact]
    public async Task Captions_come_from_the_adapted_policy_and_a_store_goes_on_with_no_other_adapter()
    {
        var adapter = world.WriteAdapter(_folder.File("adapter"), seed: 3);
        string[] command = [.. Changed(CaptionArguments(Store, world.Questions), "--max-new-tokens", "8"), "--adapter", adapter];
        await CommandLine.Succeed(command);
        await CommandLine.Succeed(Changed(CaptionArguments(_folder.File("plain"), world.Questions), "--max-new-tokens", "8"));
        var captions = File.ReadAllText(Path.Combine(Store, "captions.jsonl"));
        Assert.NotEqual(File.ReadAllText(_folder.File("plain/captions.jsonl")), captions);

        var other = world.WriteAdapter(_folder.File("other"), seed: 4);
        await Refuse(["adapter = ", "with which stage \"captioner\" was begun"], Changed(command, "--adapter", other));
        await Refuse(["adapter = ", "found none"], command[..^2]);
        await Refuse(["adapter = none"], [.. Changed(CaptionArguments(_folder.File("plain"), world.Questions), "--max-new-tokens", "8"), "--adapter", adapter]);
        // A copy of the adapter is the adapter, whatever else lies beside it.
        var copy = world.WriteAdapter(_folder.File("copy"), seed: 3);
        _folder.Write("copy/optimizer.safetensors", "not asked for");
        await CommandLine.Succeed(Changed(command, "--adapter", copy));
        Assert.Equal(captions, File.ReadAllText(Path.Combine(Store, "captions.jsonl")));

        // And the whole round over the same captions.
        var replay = world.WriteReplay(_folder.File("answers.jsonl"), 2, 3);
        string[] rollout = ["rollout", "--model", world.Model, "--adapter", adapter, "--data", world.Questions, "--store", _folder.File("round"), "--captions", "2", "--answers", "3",
            "--max-new-tokens", "8", "--seed", "1", "--reasoner", "replay", "--replay", replay, "--out", _folder.File("round.jsonl")];
        await CommandLine.Succeed(rollout);
        Assert.Equal(captions, File.ReadAllText(_folder.File("round/captions.jsonl")));
        await Refuse(["adapter = "], Changed(rollout, "--adapter", other));
        await Refuse([_folder.File("none"), "no such folder"], Changed(rollout, "--adapter", _folder.File("none")));
    }

    [Fact]
    public async Task A_model_reasons_with_its_adapter_and_a_store_goes_on_with_no_other()
    {
        await Caption(Store);
        Directory.CreateDirectory(_folder.File("plain"));
        foreach (var file in Directory.GetFiles(Store))
            File.Copy(file, Path.Combine(_folder.File("plain"), Path.GetFileName(file)));
        var adapter = world.WriteAdapter(_folder.File("adapter"), seed: 3);
        string[] plain = ["reason", "--store", _folder.File("plain"), "--captions", "2", "--answers", "2", "--seed", "1", "--reasoner", "model", "--reasoner-model", world.Model, "--max-answer-tokens", "6"];
        string[] adapted = [.. Changed(plain, "--store", Store), "--reasoner-adapter", adapter];
        await CommandLine.Succeed(plain);
        await CommandLine.Succeed(adapted);
        Assert.Equal(12, File.ReadLines(Path.Combine(Store, "answers.jsonl")).Count());
        Assert.NotEqual(File.ReadAllText(_folder.File("plain/answers.jsonl")), File.ReadAllText(Path.Combine(Store, "answers.jsonl")));
        await CommandLine.Succeed(adapted);
        await Refuse(["reasoner-adapter = ", "with which stage \"reasoner\" was begun"], Changed(adapted, "--reasoner-adapter", world.WriteAdapter(_folder.File("other"), seed: 4)));
        await Refuse(["reasoner-adapter = ", "found none"], adapted[..^2]);
        await Refuse([_folder.File("none"), "adapter over the reasoner"], Changed(adapted, "--reasoner-adapter", _folder.File("none")));
        await CommandLine.Refuse(2, _folder.Path, ["--reasoner-adapter: expected it beside --reasoner model, found it beside replay"],
            ["reason", "--store", Store, "--reasoner", "replay", "--replay", Replay, "--reasoner-adapter", adapter]);
    }

    [Fact]
    public async Task Answers_come_from_a_server_that_speaks_chat_completions()
    {
        await Caption(Store);
        using LocalServer server = new(_ => LocalServer.Reply.Completion("The answer is \\boxed{2}."));
        await CommandLine.Succeed("reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "http", "--endpoint", server.Endpoint.ToString(), "--reasoner-model", "any", "--concurrency", "2");
        Assert.Equal(18, server.Count);
        var result = await CommandLine.Succeed("reward", "--store", Store, "--tokenizer", world.Model, "--out", _folder.File("out.jsonl"), "--json");
        Assert.Equal(2 / 3.0, result.Line().GetProperty("mean_reward").GetDouble(), 1e-9);
    }

    [Fact]
    public async Task An_interrupted_round_ends_with_130_and_goes_on_to_the_same_end()
    {
        using CancellationTokenSource stop = new();
        await stop.CancelAsync();
        var interrupted = await CommandLine.Run(stop.Token, CaptionArguments(Store, world.Questions));
        Assert.Equal(130, interrupted.Code);
        Assert.Contains("sophia: interrupted.", interrupted.Error);
        await Caption(Store);
        await Caption(_folder.File("unbroken"));
        Assert.Equal(File.ReadAllText(_folder.File("unbroken/captions.jsonl")), File.ReadAllText(Path.Combine(Store, "captions.jsonl")));
    }

    private Task Refuse(string[] parts, string[] arguments) => CommandLine.Refuse(1, _folder.Path, parts, arguments);

    private static string[] Changed(string[] arguments, string option, string value)
    {
        var changed = (string[])arguments.Clone();
        changed[Array.IndexOf(changed, option) + 1] = value;
        return changed;
    }

    private string[] CaptionArguments(string store, string questions) =>
        ["caption", "--model", world.Model, "--data", questions, "--out", store, "--captions", "2", "--max-new-tokens", "3", "--seed", "1"];

    private Task Caption(string store) => CommandLine.Succeed(CaptionArguments(store, world.Questions));

    private Task Rollout(string store, string output) => CommandLine.Succeed("rollout", "--model", world.Model, "--data", world.Questions, "--store", store, "--captions", "2", "--answers", "3",
        "--max-new-tokens", "3", "--seed", "1", "--reasoner", "replay", "--replay", Replay, "--alpha", "0.6", "--out", output);
}
