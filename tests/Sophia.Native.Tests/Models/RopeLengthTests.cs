using System.Text.Json;
using Sophia.Native.Data.Images;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Pipeline;
using Sophia.Native.Tests.Cli;
using Sophia.Native.Tests.Data;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Models;

/// <summary>Sequences beyond the trained length, by dynamic NTK with a length that a run fixes.</summary>
public sealed class RopeLengthTests : IDisposable
{
    private static readonly TextConfig Text = TinyModel.Config.Text with { DynamicRopeFactor = 2, VocabularySize = 320 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Bases by transformers' own line: base * ((factor * seq_len / max_position_embeddings) - (factor - 1)) ** (dim / (dim - 2)), in Python's double precision.</summary>
    [Theory]
    [InlineData(1e6, 2.0, 65536, 32768, 128, 3052773.67488067)]
    [InlineData(1e6, 2.0, 40000, 32768, 64, 1458507.0838978826)]
    [InlineData(5e7, 2.5, 131072, 32768, 128, 439684961.1629711)]
    public void The_base_is_that_of_transformers(double theta, double factor, int length, int trained, int headSize, double expected)
    {
        var text = Text with { RopeTheta = theta, DynamicRopeFactor = factor, RopeLength = length, MaxPositionEmbeddings = trained, HeadSize = headSize };
        Assert.Equal(expected, text.RopeBase, expected * 1e-12);
        Assert.Equal(length, text.MaximumPositions);
        Assert.Equal(theta, (text with { RopeLength = null }).RopeBase);
        Assert.Equal(trained, (text with { RopeLength = null }).MaximumPositions);
    }

    [Fact]
    public void A_model_takes_longer_sequences_and_turns_every_position_by_the_scaled_base()
    {
        var scaled = TinyModel.Config with { Text = TinyModel.Config.Text with { DynamicRopeFactor = 2, RopeLength = 96 } };
        // The same frequencies, written down as a model that was trained that long.
        var plain = TinyModel.Config with { Text = TinyModel.Config.Text with { RopeTheta = 22081.790273476247, MaxPositionEmbeddings = 96 } };
        var sample = TinyModel.Sample(3, 90, 2);
        var longer = Score(scaled, sample);
        Assert.Equal(Score(plain, sample), longer);
        var head = TinyModel.Sample(3, 40, 2);
        Assert.Equal(Score(plain, head), Score(scaled, head));
        Assert.NotEqual(Score(TinyModel.Config, head), Score(scaled, head));
    }

    [Fact]
    public void A_length_needs_a_scaling_and_must_be_longer_than_the_trained_one()
    {
        foreach (var (text, fault) in ((TextConfig, string)[])[(Text with { RopeLength = 64 }, "nothing is scaled"), (Text with { RopeLength = 1 << 25 }, "found 33554432"),
            (Text with { RopeLength = 96, DynamicRopeFactor = null }, "type dynamic"), (Text with { RopeLength = 96, HeadSize = 2 }, "head_dim above 2")])
        {
            var message = Assert.Throws<ArgumentException>((TinyModel.Config with { Text = text }).Validate).Message;
            Assert.Contains("text_config.rope_length", message);
            Assert.Contains(fault, message);
        }
    }

    [Theory]
    [InlineData(CheckpointLayout.HuggingFace)]
    [InlineData(CheckpointLayout.Original)]
    public void The_length_is_recorded_in_the_configuration(CheckpointLayout layout)
    {
        var config = TinyModel.Config with { Text = Text with { RopeLength = 96 } };
        config.Write(_folder.File("config.json"), layout);
        Assert.Equal(config.Text, InternVLConfig.Load(_folder.File("config.json")).Text);
    }

    [Fact]
    public async Task The_command_line_fixes_the_length_records_it_and_says_how_where_it_is_missing()
    {
        var model = await Init("model", Text);
        var records = Record("records.jsonl", 90);
        await CommandLine.Refuse(1, _folder.Path, ["90 tokens", "64", "max_position_embeddings", "--rope-length"], "score", "--model", model, "--data", records);
        await CommandLine.Refuse(2, _folder.Path, ["--rope-length", "found 0"], "score", "--model", model, "--data", records, "--rope-length", "0");
        await CommandLine.Refuse(1, _folder.Path, ["rope_length", "found 60"], "score", "--model", model, "--data", records, "--rope-length", "60");
        var scored = (await CommandLine.Succeed("score", "--model", model, "--data", records, "--rope-length", "128")).Line();
        Assert.Equal(90, scored.GetProperty("logprobs").GetArrayLength());
        Assert.Equal(128, scored.GetProperty("rope_length").GetInt32());
        var drawn = (await CommandLine.Succeed("generate", "--model", model, "--data", records, "--rope-length", "128", "--max-new-tokens", "20")).Line();
        Assert.Equal(128, drawn.GetProperty("rope_length").GetInt32());

        var recipe = _folder.Write("recipe.json", """{"steps": 1, "rope_length": 128, "objective": {"ratio": "one"}}""");
        await CommandLine.Refuse(2, _folder.Path, ["--rope-length", "128", "found 256"], "train", "--model", model, "--data", records, "--recipe", recipe, "--out", _folder.File("run"), "--rope-length", "256");
        var checkpoint = (await CommandLine.Succeed("train", "--model", model, "--data", records, "--recipe", recipe, "--out", _folder.File("run"), "--json")).Line().GetProperty("checkpoint").GetString()!;
        Assert.Equal(128, InternVLConfig.Load(checkpoint).Text.RopeLength);
        // The trained checkpoint carries its length: no option is needed.
        Assert.Equal(128, (await CommandLine.Succeed("score", "--model", checkpoint, "--data", records)).Line().GetProperty("rope_length").GetInt32());
        Assert.Null(InternVLConfig.Load(model).Text.RopeLength);

        var plain = _folder.Write("plain.json", """{"steps": 1, "objective": {"ratio": "one"}}""");
        string[] train = ["train", "--model", model, "--data", records, "--recipe", plain, "--out", _folder.File("named"), "--rope-length", "128"];
        await CommandLine.Succeed(train);
        await CommandLine.Refuse(1, _folder.Path, ["made with another recipe"], [.. train[..^1], "256", "--resume"]);
    }

    [Fact]
    public async Task Captions_of_a_store_are_all_of_one_length()
    {
        var model = await Init("model", Text);
        PngEncoder.Save(new RgbImage(8, 8, new byte[3 * 64]), _folder.File("black.png"));
        var questions = _folder.Write("questions.jsonl", """{"id":1,"image":"black.png","question":"What color?","answer":"black"}""" + "\n");
        string[] caption = ["caption", "--model", model, "--data", questions, "--out", _folder.File("store"), "--captions", "1", "--max-new-tokens", "2"];
        await CommandLine.Succeed([.. caption, "--rope-length", "4096"]);
        await CommandLine.Succeed([.. caption, "--rope-length", "4096"]);
        await CommandLine.Refuse(1, _folder.Path, ["rope-length = 4096", "found 2048"], [.. caption, "--rope-length", "2048"]);
        await CommandLine.Refuse(1, _folder.Path, ["rope-length = 4096", "found none"], caption);
    }

    [Fact]
    public async Task An_adapter_carries_the_length_that_it_was_trained_with()
    {
        var model = await Init("model", Text);
        var (records, few) = (Record("records.jsonl", 90), Record("few.jsonl", 30));
        const string training = "\"steps\": 4, \"lora\": {\"rank\": 4}, \"freeze\": [\"vision\", \"projector\"], \"optimizer\": {\"learning_rate\": 0.05}, \"schedule\": {\"name\": \"constant\"}, \"objective\": {\"ratio\": \"one\"}";
        var adapter = await Train("run", records, _folder.Write("recipe.json", $$"""{"rope_length": 128, {{training}}}"""));
        Assert.Equal(128, AdapterReader.ReadRopeLength(adapter));

        // With the length of the training, named or not, the numbers are the same bit by bit: of sequences that the model was not trained for as well as of others.
        foreach (var data in (string[])[records, few])
        {
            var named = await Scores(data, "--adapter", adapter, "--rope-length", "128");
            Assert.Equal((128, named), (Length(named), await Scores(data, "--adapter", adapter)));
            var other = await Scores(data, "--adapter", adapter, "--rope-length", "256");
            Assert.Equal(256, Length(other));
            Assert.NotEqual(LogProbabilities(named), LogProbabilities(other));
            Assert.NotEqual(LogProbabilities(named), LogProbabilities(await Scores(data, "--rope-length", "128")));
        }
        var drawn = (await CommandLine.Succeed("generate", "--model", model, "--adapter", adapter, "--data", few, "--max-new-tokens", "50")).Line();
        Assert.Equal(128, drawn.GetProperty("rope_length").GetInt32());
        var whole = _folder.Write("whole.jsonl", $$"""{"id":"whole","input_ids":[{{string.Join(',', Enumerable.Range(1, 30))}},{{string.Join(',', drawn.GetProperty("output_ids").EnumerateArray())}}]}""" + "\n");
        Assert.Equal(LogProbabilities(drawn.GetRawText()), LogProbabilities(await Scores(whole, "--adapter", adapter)).Skip(30));

        // Training goes on with it, merging writes it down.
        Assert.Equal(128, AdapterReader.ReadRopeLength(await Train("further", records, _folder.Write("further.json", $$"""{{{training}}}"""), "--adapter", adapter)));
        await CommandLine.Succeed("merge", "--model", model, "--adapter", adapter, "--out", _folder.File("merged"));
        Assert.Equal(128, InternVLConfig.Load(_folder.File("merged")).Text.RopeLength);
        var merged = (await CommandLine.Succeed("score", "--model", _folder.File("merged"), "--data", records)).Out;
        // One rounding of W + BA against two products in fp32, some layers deep.
        Assert.All(LogProbabilities(merged).Zip(LogProbabilities(await Scores(records, "--adapter", adapter))), pair => Assert.Equal(pair.First, pair.Second, 2e-5));

        // Without a length in its file an adapter takes the model as it is, and what is too long is refused as ever.
        var native = await Train("native", few, _folder.Write("native.json", $$"""{{{training}}}"""));
        Assert.Null(AdapterReader.ReadRopeLength(native));
        await CommandLine.Refuse(1, _folder.Path, ["90 tokens", "64", "--rope-length"], "score", "--model", model, "--adapter", native, "--data", records);
        // A model that cannot be prepared for the length.
        var unscaled = await Init("unscaled", Text with { DynamicRopeFactor = null });
        await CommandLine.Refuse(1, _folder.Path, [adapter, "trained with rope_length 128", "type dynamic"], "score", "--model", unscaled, "--adapter", adapter, "--data", few);

        async Task<string> Train(string name, string data, string recipe, params string[] options) =>
            (await CommandLine.Succeed(["train", "--model", model, "--data", data, "--recipe", recipe, "--out", _folder.File(name), "--json", .. options])).Line().GetProperty("checkpoint").GetString()!;
        async Task<string> Scores(string data, params string[] options) => (await CommandLine.Succeed(["score", "--model", model, "--data", data, .. options])).Out;
        static int Length(string scores) => JsonElement.Parse(scores).GetProperty("rope_length").GetInt32();
        static double[] LogProbabilities(string scores) => [.. JsonElement.Parse(scores).GetProperty("logprobs").EnumerateArray().Select(value => value.ValueKind == JsonValueKind.Null ? 0 : value.GetDouble())];
    }

    private async Task<string> Init(string name, TextConfig text)
    {
        SmallTokenizer.Create().Save(_folder.File("tokenizer"));
        Directory.CreateDirectory(_folder.File("configuration"));
        (TinyModel.Config with { ImageTokenId = null, Text = text }).Write(_folder.File("configuration"), CheckpointLayout.Original, FileElementType.F32);
        await CommandLine.Succeed("init", "--config", _folder.File("configuration/config.json"), "--tokenizer", _folder.File("tokenizer"), "--out", _folder.File(name));
        return _folder.File(name);
    }

    /// <summary>A raw record of so many tokens, trained from the 41st or, where it is shorter, the 11th on.</summary>
    private string Record(string name, int length) => _folder.Write(name,
        $$"""{"id":"{{length}}","input_ids":[{{string.Join(',', Enumerable.Range(1, length))}}],"loss_mask":[{{string.Join(',', Enumerable.Range(1, length).Select(i => i > (length > 40 ? 40 : 10) ? 1 : 0))}}]}""" + "\n");

    private static float[] Score(InternVLConfig config, Sample sample)
    {
        using TinyModel tiny = new([], config: config);
        using SampleScorer scorer = new(tiny.Model);
        return scorer.Score(sample, 1).LogProbabilities;
    }
}
