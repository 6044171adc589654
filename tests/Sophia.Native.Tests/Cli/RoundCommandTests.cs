using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Captioning;
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
    public async Task A_reasoner_is_settled_too_and_missing_captions_or_answers_are_named()
    {
        await CommandLine.Succeed([.. CaptionArguments(Store, world.Questions), "--shard", "1/2"]);
        string[] reason = ["reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "replay", "--replay", Replay];
        var status = (await CommandLine.Succeed("rollout", "--store", Store, "--status", "--json")).Line();
        Assert.Equal(4, status.GetProperty("captions").GetInt32());
        Assert.Equal(6, status.GetProperty("captions_total").GetInt32());
        var refused = await CommandLine.Run(reason);
        Assert.Equal(1, refused.Code);
        Assert.Contains("expected caption 0 of question \"2\", found none", refused.Error);

        await CommandLine.Succeed([.. CaptionArguments(Store, world.Questions), "--shard", "2/2"]);
        var few = _folder.Write("short.jsonl", File.ReadLines(Replay).First() + "\n");
        refused = await CommandLine.Run("reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "replay", "--replay", few);
        Assert.Equal(1, refused.Code);
        Assert.Contains("id \"one\", caption_index 0, trajectory_index 1", refused.Error);
        await CommandLine.Succeed(reason);
        status = (await CommandLine.Succeed("rollout", "--store", Store, "--status", "--json")).Line();
        Assert.Equal(18, status.GetProperty("answers").GetInt32());
        await Refuse(["reasoner = replay", "found embedded"], ["reason", "--store", Store, "--captions", "2", "--answers", "3", "--reasoner", "embedded"]);
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
