using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Cli;

/// <summary>Data, recipes and places that do not fit: one line with file and line number, exit code 1, nothing written.</summary>
public sealed class BrokenRecordTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private const string Good = """{"id":"good","question":"What is 1 + 1?","response":"2"}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"id":"x", "question": "What""", "one JSON object|broken JSON at byte")]
    [InlineData("""[1, 2]""", "one JSON object|an array of 2")]
    [InlineData("""{"id":"x","id":"y","question":"a"}""", "one JSON object")]
    [InlineData("""{"id":"x"}""", "\"question\", \"response\" or \"input_ids\"")]
    [InlineData("""{"id":"x","question":7}""", "\"question\"|the number 7")]
    [InlineData("""{"id":"x","question":"a","image":"lost.png"}""", "image|lost.png")]
    [InlineData("""{"id":"x","question":"a","image":"data.jsonl"}""", "data.jsonl|PNG or JPEG")]
    [InlineData("""{"id":"x","question":"a","response":""}""", "response|an empty text")]
    [InlineData("""{"id":"x","question":"a","response":" ","selected":true}""", "response|an empty one")]
    [InlineData("""{"id":"x","question":"a","response":"b","response_ids":[]}""", "response_ids|an empty array")]
    [InlineData("""{"id":"x","question":"a","response":"b","response_ids":[1,2],"behavior_logprobs":[-1]}""", "behavior_logprobs|2 response_ids|1")]
    [InlineData("""{"id":"x","question":"a","response":"b","response_ids":[1,400]}""", "[0, 320)|400")]
    [InlineData("""{"id":"x","input_ids":[]}""", "input_ids")]
    [InlineData("""{"id":"x","input_ids":[1,2,320]}""", "[0, 320)|320")]
    [InlineData("""{"id":"x","input_ids":[1,-2]}""", "input_ids|-2")]
    [InlineData("""{"id":"x","input_ids":[1,2.5]}""", "input_ids|2.5")]
    [InlineData("""{"id":"x","input_ids":[1,2,3],"loss_mask":[0,1]}""", "loss_mask|3")]
    [InlineData("""{"id":"x","input_ids":[1,2,3],"pixel_values":"lost.safetensors#p"}""", "lost.safetensors")]
    [InlineData("""{"id":"x","input_ids":[1,2,3],"pixel_values":"data.jsonl"}""", "#")]
    [InlineData("""{"id":"x","input_ids":[1,2,3],"pixel_values":"data.jsonl#p"}""", "data.jsonl")]
    public async Task A_line_that_is_no_record_for_the_model(string line, string parts)
    {
        var data = _folder.Write("data.jsonl", $"{Good}\n\n{line}\n");
        var place = line.Contains("data.jsonl#p", StringComparison.Ordinal) ? data : data + ":3";
        string[] expected = [place, .. parts.Split('|')];
        await CommandLine.Refuse(1, _folder.Path, expected, "score", "--model", world.Model, "--data", data, "--out", _folder.File("scores.jsonl"));
        var isTrainable = line.Contains("respon", StringComparison.Ordinal) || line.Contains("loss_mask", StringComparison.Ordinal);
        if (isTrainable)
            await CommandLine.Refuse(1, _folder.Path, expected, "train", "--model", world.Model, "--data", data, "--recipe", world.Recipe, "--out", _folder.File("run"));
        else if (!line.Contains("response", StringComparison.Ordinal))
            await CommandLine.Refuse(1, _folder.Path, expected, "generate", "--model", world.Model, "--data", data, "--out", _folder.File("out.jsonl"), "--max-new-tokens", "2");
    }

    [Fact]
    public async Task Image_tokens_that_do_not_match_the_tiles()
    {
        var image = await ImageToken();
        var pixels = _folder.File("pixels.safetensors");
        using (var writer = SafetensorsWriter.Create(pixels, [new("p", FileElementType.F32, [1, 3, 8, 8]), new("q", FileElementType.F32, [1, 3, 8, 7])]))
        {
            writer.WriteFloats("p", new float[192]);
            writer.WriteFloats("q", new float[168]);
            writer.Commit();
        }
        // A tile has four visual tokens.
        await Refuse($$"""{"input_ids":[1,{{image}},{{image}},3],"loss_mask":[0,0,0,1],"pixel_values":"pixels.safetensors#p"}""", "1 tiles need 4 image tokens", "found 2");
        await Refuse($$"""{"input_ids":[1,2,3],"loss_mask":[0,0,1],"pixel_values":"pixels.safetensors#p"}""", "1 tiles need 4 image tokens", "found 0");
        await Refuse("""{"input_ids":[1,2,3],"loss_mask":[0,0,1],"pixel_values":"pixels.safetensors#q"}""", "[tiles, 3, 8, 8]", "[1, 3, 8, 7]");
        await Refuse("""{"input_ids":[1,2,3],"loss_mask":[0,0,1],"pixel_values":"pixels.safetensors#r"}""", "\"r\"", "none of that name");
    }

    private async Task Refuse(string line, params string[] parts)
    {
        var data = _folder.Write("data.jsonl", line + "\n");
        string[] expected = [data + ":1", .. parts];
        await CommandLine.Refuse(1, _folder.Path, expected, "score", "--model", world.Model, "--data", data);
        await CommandLine.Refuse(1, _folder.Path, expected, "generate", "--model", world.Model, "--data", data, "--max-new-tokens", "2");
        await CommandLine.Refuse(1, _folder.Path, expected, "train", "--model", world.Model, "--data", data, "--recipe", world.Recipe, "--out", _folder.File("run"));
    }

    [Fact]
    public async Task A_sequence_that_is_too_long()
    {
        var data = _folder.Write("data.jsonl", $$"""{"input_ids":[{{string.Join(',', Enumerable.Repeat(1, 4097))}}],"loss_mask":[0,{{string.Join(',', Enumerable.Repeat(1, 4096))}}]}""" + "\n");
        foreach (var verb in (string[])["score", "generate"])
            await CommandLine.Refuse(1, _folder.Path, [data + ":1", "4097", "4096"], verb, "--model", world.Model, "--data", data);
        await CommandLine.Refuse(1, _folder.Path, [data + ":1", "4097", "4096"], "train", "--model", world.Model, "--data", data, "--recipe", world.Recipe, "--out", _folder.File("run"));
        var question = _folder.Write("questions.jsonl", $$"""{"question":"{{new string('x', 5000)}}","answer":"1"}""" + "\n");
        await CommandLine.Refuse(1, _folder.Path, [question + ":1", "4096"], "eval", "--model", world.Model, "--data", question, "--max-new-tokens", "2");
    }

    [Theory]
    [InlineData("", "at least one record")]
    [InlineData(null, "expected a JSON lines file, found nothing there")]
    public async Task Data_that_is_empty_or_not_there(string? text, string part)
    {
        var data = text is null ? _folder.File("lost.jsonl") : _folder.Write("empty.jsonl", text);
        foreach (var verb in (string[])["score", "generate"])
            await CommandLine.Refuse(1, _folder.Path, [data, part], verb, "--model", world.Model, "--data", data, "--out", _folder.File("out.jsonl"));
        await CommandLine.Refuse(1, _folder.Path, [data, part], "train", "--model", world.Model, "--data", data, "--recipe", world.Recipe, "--out", _folder.File("run"));
    }

    [Fact]
    public async Task Questions_where_trajectories_are_needed_and_the_other_way_round()
    {
        await CommandLine.Refuse(1, _folder.Path, [world.Questions + ":1", "a question alone"], "train", "--model", world.Model, "--data", world.Questions, "--recipe", world.Recipe, "--out", _folder.File("run"));
        var raw = _folder.Write("raw.jsonl", """{"input_ids":[1,2]}""" + "\n");
        await CommandLine.Refuse(1, _folder.Path, [raw + ":1", "a raw record"], "eval", "--model", world.Model, "--data", raw);
        await CommandLine.Refuse(1, _folder.Path, [raw + ":1", "a raw record"], "caption", "--model", world.Model, "--data", raw, "--out", _folder.File("store"));
        var open = _folder.Write("open.jsonl", """{"question":"Why?"}""" + "\n");
        await CommandLine.Refuse(1, _folder.Path, [open + ":1", "a gold answer"], "eval", "--model", world.Model, "--data", open);
        var unselected = _folder.Write("unselected.jsonl", """{"question":"Why?","response":"b","selected":false}""" + "\n");
        await CommandLine.Refuse(1, _folder.Path, ["at least one record to train on"], "train", "--model", world.Model, "--data", unselected, "--recipe", world.Recipe, "--out", _folder.File("run"));
    }

    [Theory]
    [InlineData("""{ "learning_rate": 1 }""", "learning_rate|batch_sequences")]
    [InlineData("""{ "optimizer": { "lr": 1 } }""", "lr|learning_rate")]
    [InlineData("""{ "steps": -1 }""", "steps|-1")]
    [InlineData("""{ "steps": 1, "epochs": 1 }""", "steps|not both")]
    [InlineData("""{ "freeze": ["eyes"] }""", "freeze|eyes")]
    [InlineData("""{ "objective": { "ratio": "golden" } }""", "ratio|golden")]
    [InlineData("{\n \"steps\": 1,\n \"epochs\" 1 }", "line 3")]
    [InlineData("[]", "object")]
    public async Task A_recipe_that_says_something_unknown(string text, string parts)
    {
        var recipe = _folder.Write("recipe.json", text);
        var data = _folder.Write("data.jsonl", Good + "\n");
        await CommandLine.Refuse(1, _folder.Path, [recipe, .. parts.Split('|')], "train", "--model", world.Model, "--data", data, "--recipe", recipe, "--out", _folder.File("run"));
    }

    [Fact]
    public async Task A_place_that_is_taken_or_cannot_be_written()
    {
        var data = _folder.Write("data.jsonl", Good + "\n");
        _folder.Write("full/file.txt", "here first");
        string[] train = ["train", "--model", world.Model, "--data", data, "--recipe", world.Recipe, "--out"];
        await CommandLine.Refuse(1, _folder.Path, ["full", "new or empty folder", "--resume"], [.. train, _folder.File("full")]);
        await CommandLine.Refuse(1, _folder.Path, ["data.jsonl", "found a file"], [.. train, data]);
        await CommandLine.Refuse(1, _folder.Path, ["data.jsonl/run", "found a file"], [.. train, Path.Combine(data, "run")]);
        await CommandLine.Refuse(1, _folder.Path, ["full", "new or empty folder"], "init", "--config", world.Config, "--tokenizer", world.Tokenizer, "--out", _folder.File("full"));
        await CommandLine.Refuse(1, _folder.Path, ["full", "found a folder"], "score", "--model", world.Model, "--data", data, "--out", _folder.File("full"));
        await CommandLine.Refuse(1, _folder.Path, ["data.jsonl", "found a file"], "score", "--model", world.Model, "--data", data, "--out", Path.Combine(data, "scores.jsonl"));
        await CommandLine.Refuse(1, _folder.Path, ["data.jsonl", "found a file"], "tiles", "--image", world.Image, "--out", data);
        await CommandLine.Refuse(1, _folder.Path, ["full", "file.txt"], "caption", "--model", world.Model, "--data", world.Questions, "--out", _folder.File("full"), "--max-new-tokens", "2");
        if (OperatingSystem.IsLinux())
            await CommandLine.Refuse(1, _folder.Path, ["/proc/sophia", "can be written"], [.. train, "/proc/sophia/run"]);
    }

    [Fact]
    public async Task Images_that_are_none()
    {
        await CommandLine.Refuse(1, _folder.Path, ["lost.png", "expected an image file, found none"], "tiles", "--image", _folder.File("lost.png"), "--out", _folder.File("tiles"));
        var text = _folder.Write("text.png", "this is no image at all");
        await CommandLine.Refuse(1, _folder.Path, [text, "PNG or JPEG"], "tiles", "--image", text, "--out", _folder.File("tiles"));
        var cut = _folder.File("cut.png");
        File.WriteAllBytes(cut, File.ReadAllBytes(world.Image)[..60]);
        await CommandLine.Refuse(1, _folder.Path, [cut], "tiles", "--image", cut, "--out", _folder.File("tiles"));
        await CommandLine.Refuse(1, _folder.Path, ["lost.png"], "generate", "--model", world.Model, "--prompt", "a", "--image", _folder.File("lost.png"));
    }

    [Fact]
    public async Task Verify_and_tokenize_name_the_line()
    {
        var data = _folder.Write("data.jsonl", """{"gold":"1","answer":"1","text":"a","ids":[1]}""" + "\n" + """{"gold":1,"answer":"1","text":5,"ids":[99999]}""" + "\n");
        await CommandLine.Refuse(1, _folder.Path, [data + ":2", "texts in \"gold\" and \"answer\""], "verify", "--data", data, "--out", _folder.File("out.jsonl"));
        await CommandLine.Refuse(1, _folder.Path, [data + ":2", "\"text\""], "tokenize", "--tokenizer", world.Tokenizer, "--data", data, "--out", _folder.File("out.jsonl"));
        await CommandLine.Refuse(1, _folder.Path, [data + ":2", "99999"], "tokenize", "--tokenizer", world.Tokenizer, "--decode", "--data", data, "--out", _folder.File("out.jsonl"));
    }

    private async Task<int> ImageToken()
    {
        var result = await CommandLine.Succeed("tokenize", "--tokenizer", world.Tokenizer, "--text", "<IMG_CONTEXT>");
        return Assert.Single(result.Line().GetProperty("ids").EnumerateArray()).GetInt32();
    }
}
