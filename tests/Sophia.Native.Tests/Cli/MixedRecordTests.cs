using System.Text.Json;

namespace Sophia.Native.Tests.Cli;

/// <summary>One file with an image, several images, a video, and text alone, through score, generate and train.</summary>
public sealed class MixedRecordTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private static readonly string[] Questions =
    [
        """{"id":"image","image":"red.png","question":"<image1> which color?"}""",
        """{"id":"text","question":"What is 1 + 1?"}""",
        """{"id":"images","image":["red.png","blue.png"],"question":"Is <image1> redder than <image2>?"}""",
        """{"id":"video","video":"clip","video_segments":3,"question":"<video>\nWhat changes?"}""",
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_kind_of_record_is_continued_scored_and_trained_beside_the_others()
    {
        var questions = Write("questions.jsonl", "}", Questions);
        var generated = await CommandLine.Succeed("generate", "--model", world.Model, "--data", questions, "--max-new-tokens", "5", "--repetition-penalty", "1.2");
        var together = generated.Lines();
        Assert.Contains($"generate: 4 of 4 ({together.Sum(line => line.GetProperty("output_ids").GetArrayLength())} tokens), ", generated.Error);
        Assert.Equal(["image", "text", "images", "video"], together.Select(line => line.GetProperty("id").GetString()));
        for (var i = 0; i < Questions.Length; i++)
        {
            var alone = (await CommandLine.Succeed("generate", "--model", world.Model, "--data", Write("alone.jsonl", "}", Questions[i]), "--max-new-tokens", "5", "--repetition-penalty", "1.2")).Line();
            foreach (var field in (string[])["output_ids", "logprobs", "repetition_penalty"])
                Assert.Equal(alone.GetProperty(field).GetRawText(), together[i].GetProperty(field).GetRawText());
        }

        var trajectories = Write("trajectories.jsonl", ""","caption_index":0,"trajectory_index":0,"caption":"c","response":"so","outcome_reward":1,"caption_reward":1,"reward":1,"selected":true}""", Questions);
        var before = (await CommandLine.Succeed("score", "--model", world.Model, "--data", trajectories)).Lines();
        var recipe = _folder.Write("recipe.json", """{"steps":1,"batch_sequences":4,"freeze":[],"objective":{"ratio":"one"}}""");
        var run = await CommandLine.Succeed("train", "--model", world.Model, "--data", trajectories, "--recipe", recipe, "--out", _folder.File("run"), "--json");
        var after = (await CommandLine.Succeed("score", "--model", run.Line().GetProperty("checkpoint").GetString()!, "--data", trajectories)).Lines();
        for (var i = 0; i < Questions.Length; i++)
            Assert.NotEqual(before[i].GetProperty("logprobs").GetRawText(), after[i].GetProperty("logprobs").GetRawText());
        // A video of three frames has three tiles, two images have two and their thumbnails or none.
        Assert.True(Length(before[3]) > Length(before[1]));
    }

    [Fact]
    public async Task A_video_file_is_refused_with_what_to_do()
    {
        var data = Write("questions.jsonl", "}", """{"id":"clip","video":"clip.mp4","question":"What happens?"}""");
        _folder.Write("clip.mp4", "ftyp");
        await CommandLine.Refuse(1, _folder.Path, ["questions.jsonl", "clip.mp4", "no video decoder", "ffmpeg"], "generate", "--model", world.Model, "--data", data);
    }

    private static int Length(JsonElement scores) => scores.GetProperty("logprobs").GetArrayLength();

    private string Write(string name, string end, params string[] questions)
    {
        Directory.CreateDirectory(_folder.File("clip"));
        File.Copy(world.Image, _folder.File("red.png"), overwrite: true);
        File.Copy(Path.Combine(Path.GetDirectoryName(world.Image)!, "blue.png"), _folder.File("blue.png"), overwrite: true);
        for (var i = 0; i < 5; i++)
            File.Copy(_folder.File(i % 2 == 0 ? "red.png" : "blue.png"), _folder.File($"clip/{i}.png"), overwrite: true);
        return _folder.Write(name, string.Join('\n', questions.Select(question => question[..^1] + ",\"answer\":\"2\"" + end)) + "\n");
    }
}
