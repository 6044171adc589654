using System.Text.Json;
using Sophia.Native.Data.Images;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Tests.Data;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Cli;

/// <summary>A folder with a tokenizer of bytes, a tiny model made by <c>sophia init</c>, two images and questions about them.</summary>
public sealed class SmallWorld : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();

    public string Tokenizer => _folder.File("tokenizer");

    public string Config => _folder.File("configuration/config.json");

    public string Model => _folder.File("model");

    public string Questions => _folder.File("questions.jsonl");

    public string Recipe => _folder.File("recipe.json");

    public string Image => _folder.File("red.png");

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(Tokenizer);
        SmallTokenizer.Create(("a", "n"), ("t", "h")).Save(Tokenizer);
        var config = TinyModel.Config with
        {
            ImageTokenId = null,
            MaxDynamicPatch = 2,
            Text = TinyModel.Config.Text with { VocabularySize = 320, MaxPositionEmbeddings = 4096 },
        };
        config.Write(Path.GetDirectoryName(Config)!, CheckpointLayout.Original, FileElementType.F32);
        SaveImage("red.png", 20, 9, 200, 30, 40);
        SaveImage("blue.png", 9, 9, 20, 60, 220);
        await File.WriteAllLinesAsync(Questions,
        [
            """{"id":"one","image":"red.png","question":"An unmistakable question: which color?\n<image1>","options":["red","blue"],"answer":"A","subject":"colors","level":1}""",
            """{"id":2,"image":["red.png","blue.png"],"question":"How many images?","options":[],"answer":"2","subject":"counting","level":2}""",
            """{"id":"three","question":"What is 1 + 1?","answer":"2","image":"blue.png","subject":"counting","level":1}""",
        ]);
        await File.WriteAllTextAsync(Recipe, """{ "steps": 2, "batch_sequences": 2, "objective": { "ratio": "one" } /* the rest as it is */ }""");
        await CommandLine.Succeed("init", "--config", Config, "--tokenizer", Tokenizer, "--out", Model, "--seed", "5");
    }

    /// <summary>A copy of the model that a test may spoil.</summary>
    public string CopyModel(string target)
    {
        Directory.CreateDirectory(target);
        foreach (var file in Directory.GetFiles(Model))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        return target;
    }

    /// <summary>An adapter over the decoder of the model, with random matrices.</summary>
    public string WriteAdapter(string target, int seed)
    {
        var config = InternVLConfig.Load(Model);
        using var tiny = new TinyModel([], config: config, adapter: TinyModel.Adapter(groups: [ParameterGroup.Decoder], config: config)).WithRandomAdapter(seed);
        AdapterWriter.Write(target, tiny.Parameters.Layout, FileElementType.F32, tiny.Parameters, Model);
        return target;
    }

    /// <summary>A file of answers to replay: all but every third are right.</summary>
    public string WriteReplay(string path, int captions, int answers)
    {
        var gold = new Dictionary<string, string> { ["\"one\""] = "A", ["2"] = "2", ["\"three\""] = "2" };
        using StreamWriter lines = new(path);
        var number = 0;
        foreach (var (id, answer) in gold)
        {
            for (var k = 0; k < captions; k++)
            {
                for (var n = 0; n < answers; n++)
                {
                    var text = JsonSerializer.Serialize(number++ % 3 == 2 ? "I cannot tell." : $"So it is \\boxed{{{answer}}}.");
                    lines.WriteLine($$"""{"id":{{id}},"caption_index":{{k}},"trajectory_index":{{n}},"response":{{text}}}""");
                }
            }
        }
        return path;
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private void SaveImage(string name, int width, int height, byte red, byte green, byte blue)
    {
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < pixels.Length; i += 3)
            (pixels[i], pixels[i + 1], pixels[i + 2]) = ((byte)(red + i % 7), green, blue);
        PngEncoder.Save(new RgbImage(width, height, pixels), _folder.File(name));
    }
}
