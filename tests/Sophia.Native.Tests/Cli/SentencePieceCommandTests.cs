using System.Text.Json;
using Sophia.Native.Data.Images;
using Sophia.Native.Data.Tokenization;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Tests.Data;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Cli;

/// <summary>An InternLM2 model with a SentencePiece tokenizer through the command line, from its initialization to a trained checkpoint.</summary>
public sealed class SentencePieceCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Model => _folder.File("model");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Tokenize_goes_both_ways()
    {
        Directory.CreateDirectory(_folder.File("tokenizer"));
        File.Copy(TestData.Golden("sentencepiece/space.model"), _folder.File("tokenizer/tokenizer.model"));
        var known = JsonElement.Parse(File.ReadLines(TestData.Golden("sentencepiece/space.jsonl")).ElementAt(5));
        var text = known.GetProperty("text").GetString()!;
        var ids = (await CommandLine.Succeed("tokenize", "--tokenizer", _folder.File("tokenizer"), "--text", text)).Line().GetProperty("ids");
        Assert.Equal(known.GetProperty("ids").GetRawText().Replace(" ", ""), ids.GetRawText().Replace(" ", ""));
        var back = await CommandLine.Succeed("tokenize", "--tokenizer", _folder.File("tokenizer"), "--decode", "--text", ids.GetRawText());
        Assert.Equal(text, back.Line().GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_model_is_made_scored_continued_and_trained()
    {
        using TemporaryFolder tokenizer = new();
        var pieces = SentencePieceTokenizerTests.Load(tokenizer, "plain").WithInternVLTokens();
        var config = TinyModel.Config with
        {
            ImageTokenId = null,
            Text = TinyModel.Config.Text with { Architecture = TextArchitecture.InternLM2, VocabularySize = pieces.VocabularySize, MaxPositionEmbeddings = 2048 },
        };
        Directory.CreateDirectory(_folder.File("configuration"));
        config.Write(_folder.File("configuration"), CheckpointLayout.Original, FileElementType.F32);
        PngEncoder.Save(new RgbImage(9, 7, new byte[9 * 7 * 3]), _folder.File("black.png"));
        await CommandLine.Succeed("init", "--config", _folder.File("configuration/config.json"), "--tokenizer", tokenizer.Path, "--out", Model, "--layout", "original");
        var loaded = TokenizerFolder.Load(Model);
        Assert.Equal(pieces.VocabularySize, loaded.VocabularySize);

        var records = _folder.Write("records.jsonl",
            """
            {"id":"a","image":"black.png","question":"数一数 the circles","answer":"5","caption_index":0,"trajectory_index":0,"caption":"c","response":"the answer is \\boxed{5}","outcome_reward":1,"caption_reward":1,"reward":1,"selected":true}
            {"id":"b","question":"What is 2 + 3?","answer":"5","caption_index":0,"trajectory_index":0,"caption":"c","response":"5 🙂","outcome_reward":1,"caption_reward":1,"reward":1,"selected":true}
            """ + "\n");
        var scores = (await CommandLine.Succeed("score", "--model", Model, "--data", records)).Lines();
        Assert.Equal(2, scores.Length);
        var completion = (await CommandLine.Succeed("generate", "--model", Model, "--prompt", "the price of an apple", "--max-new-tokens", "6", "--json")).Line();
        Assert.InRange(completion.GetProperty("output_ids").GetArrayLength(), 1, 6);
        Assert.Equal(loaded.Decode([.. completion.GetProperty("output_ids").EnumerateArray().Select(id => id.GetInt32())], skipSpecialTokens: true).Trim(), completion.GetProperty("text").GetString());

        var recipe = _folder.Write("recipe.json", """{"steps": 2, "batch_sequences": 2, "freeze": [], "objective": {"ratio": "one"}}""");
        var trained = await CommandLine.Succeed("train", "--model", Model, "--data", records, "--recipe", recipe, "--out", _folder.File("run"), "--json");
        var checkpoint = trained.Line().GetProperty("checkpoint").GetString()!;
        Assert.True(File.ReadAllBytes(TestData.Golden("sentencepiece/plain.model")).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(checkpoint, "tokenizer.model"))));
        var after = (await CommandLine.Succeed("score", "--model", checkpoint, "--data", records)).Lines();
        Assert.Equal(scores[0].GetProperty("logprobs").GetArrayLength(), after[0].GetProperty("logprobs").GetArrayLength());
        Assert.NotEqual(scores[1].GetProperty("logprobs").GetRawText(), after[1].GetProperty("logprobs").GetRawText());
    }
}
