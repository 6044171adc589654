using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Sophia.Native.Data.Images;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Cli;

/// <summary>What goes to stdout and what becomes of work that is stopped.</summary>
public sealed class OutputTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("doctor")]
    [InlineData("inspect --model M")]
    [InlineData("init --config C --tokenizer K --out O --save-dtype bf16 --layout original")]
    [InlineData("score --model M --data D")]
    [InlineData("score --model M --data D --out F")]
    [InlineData("generate --model M --prompt Hello --image I --max-new-tokens 3")]
    [InlineData("generate --model M --data D --max-new-tokens 3")]
    [InlineData("generate --model M --data D --max-new-tokens 3 --temperature 0.7 --top-k 5 --top-p 0.9 --min-p 0.01 --out F")]
    [InlineData("caption --model M --data D --out O --captions 1 --max-new-tokens 2")]
    [InlineData("eval --model M --data D --max-new-tokens 2")]
    [InlineData("tokenize --tokenizer K --text banana")]
    [InlineData("tiles --image I --out O")]
    [InlineData("verify --gold 1/2 --answer 0.5")]
    public async Task With_json_stdout_holds_json_alone(string line)
    {
        var result = await CommandLine.Succeed([.. Expand(line), "--json"]);
        Assert.NotEmpty(result.Lines());
        foreach (var value in result.Lines())
            Assert.Equal(JsonValueKind.Object, value.ValueKind);
    }

    [Theory]
    [InlineData("score --model M --data D", 3)]
    [InlineData("generate --model M --data D --max-new-tokens 3 --temperature 1", 3)]
    [InlineData("tokenize --tokenizer K --text banana", 1)]
    [InlineData("verify --gold 1/2 --answer 0.5", 1)]
    public async Task Records_are_the_same_on_stdout_and_in_a_file(string line, int count)
    {
        var stdout = await CommandLine.Succeed(Expand(line));
        Assert.Equal(count, stdout.Lines().Length);
        var file = await CommandLine.Succeed([.. Expand(line), "--out", _folder.File("new/folder/records.jsonl")]);
        Assert.Equal("", file.Out);
        Assert.Equal(stdout.Out, File.ReadAllText(_folder.File("new/folder/records.jsonl")));
    }

    [Fact]
    public async Task Text_and_images_are_scored_and_generated_with_the_fields_that_are_promised()
    {
        var score = (await CommandLine.Succeed(Expand("score --model M --data D"))).Lines();
        Assert.Equal(JsonValueKind.Number, score[1].GetProperty("id").ValueKind);
        Assert.Equal(score[0].GetProperty("logprobs").GetArrayLength(), score[0].GetProperty("entropies").GetArrayLength());
        var generated = (await CommandLine.Succeed(Expand("generate --model M --data D --max-new-tokens 3 --top-k 2 --temperature 1"))).Lines();
        foreach (var line in generated)
        {
            Assert.Equal(line.GetProperty("output_ids").GetArrayLength(), line.GetProperty("logprobs").GetArrayLength());
            Assert.Contains(line.GetProperty("finish_reason").GetString(), (string[])["stop", "length"]);
            Assert.True(line.GetProperty("truncated_sampling").GetBoolean());
            Assert.Equal(JsonValueKind.String, line.GetProperty("text").ValueKind);
        }
    }

    [Fact]
    public async Task Log_probabilities_recorded_while_generating_are_bitwise_those_of_score()
    {
        var prompt = _folder.Write("prompt.jsonl", """{"id":"p","input_ids":[5,9,100,42,7]}""" + "\n");
        var generated = (await CommandLine.Succeed("generate", "--model", world.Model, "--data", prompt, "--max-new-tokens", "12", "--temperature", "1", "--seed", "3")).Line();
        var ids = generated.GetProperty("output_ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
        var whole = _folder.Write("whole.jsonl", $$"""{"id":"p","input_ids":[5,9,100,42,7,{{string.Join(',', ids)}}]}""" + "\n");
        var scored = (await CommandLine.Succeed("score", "--model", world.Model, "--data", whole)).Line().GetProperty("logprobs");
        for (var i = 0; i < ids.Length; i++)
            Assert.Equal(generated.GetProperty("logprobs")[i].GetSingle(), scored[5 + i].GetSingle());
    }

    [Fact]
    public async Task A_prompt_streams_its_text_and_ends_with_a_line_break()
    {
        var streamed = await CommandLine.Succeed(Expand("generate --model M --prompt Hello --max-new-tokens 8"));
        var whole = await CommandLine.Succeed(Expand("generate --model M --prompt Hello --max-new-tokens 8 --json"));
        Assert.EndsWith("\n", streamed.Out);
        Assert.Equal(whole.Line().GetProperty("text").GetString(), streamed.Out.Trim());
    }

    [Fact]
    public async Task Tiles_are_written_as_their_hashes_say_and_old_ones_are_removed()
    {
        var output = _folder.File("tiles");
        for (var maximum = 4; maximum >= 1; maximum -= 3)
        {
            var line = (await CommandLine.Succeed("tiles", "--image", world.Image, "--out", output, "--max-tiles", $"{maximum}")).Line();
            var tiles = line.GetProperty("tiles");
            var files = Directory.GetFiles(output);
            Array.Sort(files, StringComparer.Ordinal);
            Assert.Equal(files.Length, tiles.GetArrayLength());
            for (var i = 0; i < files.Length; i++)
                Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(ImageDecoder.Load(files[i]).Pixels)), tiles[i].GetProperty("sha256").GetString());
        }
    }

    [Fact]
    public async Task Tokens_go_there_and_back()
    {
        var texts = _folder.Write("texts.jsonl", """{"text":"banana \u00e9 <IMG_CONTEXT>"}""" + "\n" + """{"text":""}""" + "\n");
        var encoded = await CommandLine.Succeed("tokenize", "--tokenizer", world.Tokenizer, "--data", texts);
        var decoded = await CommandLine.Succeed("tokenize", "--tokenizer", world.Tokenizer, "--data", _folder.Write("ids.jsonl", encoded.Out), "--decode");
        Assert.Equal(["banana é <IMG_CONTEXT>", ""], decoded.Lines().Select(line => line.GetProperty("text").GetString()));
    }

    [Theory]
    [InlineData("score --model M --data D --out F")]
    [InlineData("generate --model M --data D --out F --max-new-tokens 3")]
    [InlineData("generate --model M --prompt Hello --max-new-tokens 3")]
    [InlineData("eval --model M --data D --out F --max-new-tokens 3")]
    public async Task Work_that_is_interrupted_ends_with_130_and_leaves_no_file(string line)
    {
        using CancellationTokenSource stop = new();
        await stop.CancelAsync();
        var result = await CommandLine.Run(stop.Token, Expand(line));
        Assert.Equal(130, result.Code);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }));
    }

    [Fact]
    public async Task Training_that_is_terminated_saves_its_state_and_goes_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no SIGTERM on Windows.");
        var cancellation = TestContext.Current.CancellationToken;
        var data = _folder.Write("data.jsonl", """{"input_ids":[1,2,3,4,5],"loss_mask":[0,0,1,1,1]}""" + "\n");
        var recipe = _folder.Write("recipe.json", """{"steps": 100000, "batch_sequences": 1, "objective": {"ratio": "one"}, "schedule": {"name": "constant"}}""");
        string[] command = ["train", "--model", world.Model, "--data", data, "--recipe", recipe, "--out", _folder.File("run"), "--threads", "1"];
        using var child = CommandProcess.Start(command);
        var metrics = _folder.File("run/metrics.jsonl");
        while (!child.HasExited && (!File.Exists(metrics) || new FileInfo(metrics).Length == 0))
            await Task.Delay(20, cancellation);
        using (var kill = Process.Start("kill", ["-TERM", $"{child.Id}"]))
            await kill.WaitForExitAsync(cancellation);
        var (code, text) = CommandProcess.Finish(child);
        Assert.True(code == 130, $"{code}: {text}");
        Assert.Contains("Go on with --resume", text);
        var checkpoint = Path.GetFileName(Assert.Single(Directory.GetDirectories(_folder.File("run/checkpoints"))));
        var step = int.Parse(checkpoint["step-".Length..]);
        Assert.Equal(step, File.ReadLines(metrics).Count());
    }

    [Fact]
    public async Task A_reader_that_goes_away_ends_the_work_without_a_word()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no broken pipes to tell of.");
        var texts = _folder.File("texts.jsonl");
        await File.WriteAllLinesAsync(texts, Enumerable.Repeat("""{"text":"banana banana banana banana banana banana"}""", 20_000), TestContext.Current.CancellationToken);
        using var child = CommandProcess.Start("tokenize", "--tokenizer", world.Tokenizer, "--data", texts);
        var first = await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("{\"ids\":[", first);
        child.StandardOutput.Close();
        var errors = await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", errors);
        Assert.Equal(0, child.ExitCode);
    }

    private string[] Expand(string line) => Array.ConvertAll(line.Split(' '), word => word switch
    {
        "M" => world.Model,
        "C" => world.Config,
        "K" => world.Tokenizer,
        "D" => world.Questions,
        "I" => world.Image,
        "O" => _folder.File("out"),
        "F" => _folder.File("records.jsonl"),
        _ => word,
    });
}
