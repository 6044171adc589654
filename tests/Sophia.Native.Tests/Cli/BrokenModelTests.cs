using System.Buffers.Binary;
using System.Text;

namespace Sophia.Native.Tests.Cli;

/// <summary>Checkpoints that are damaged, lie or do not fit: one line with the file and what is wrong in it, exit code 1, nothing written.</summary>
public sealed class BrokenModelTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Model => _folder.File("model");

    private string Weights => Path.Combine(Model, "model.safetensors");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_model_folder_that_is_not_there()
    {
        await CommandLine.Refuse(1, _folder.Path, [Model, "expected a checkpoint folder", "found no such folder"], Score());
        File.WriteAllText(Model, "not a folder");
        await CommandLine.Refuse(1, _folder.Path, [Model, "expected a checkpoint folder", "found a file"], Score());
    }

    [Theory]
    [InlineData(0, "model.safetensors")]
    [InlineData(5, "model.safetensors")]
    [InlineData(200, "model.safetensors")]
    [InlineData(100_000, "model.safetensors")]
    public async Task Weights_that_end_too_early(int length, string part)
    {
        Spoil(bytes => bytes[..length]);
        await CommandLine.Refuse(1, _folder.Path, [part, "expected", "found"], Score());
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(1L << 40)]
    [InlineData(3)]
    public async Task A_header_that_lies_about_its_length(long length)
    {
        Spoil(bytes =>
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, length);
            return bytes;
        });
        await CommandLine.Refuse(1, _folder.Path, ["model.safetensors"], Score());
    }

    [Theory]
    [InlineData("\"dtype\":\"F32\"", "\"dtype\":\"F99\"", "F99")]
    [InlineData("\"data_offsets\":[0,", "\"data_offsets\":[9,", "model.safetensors")]
    [InlineData("norm.weight\":", "norm.weird_\":", "norm.weird_")]
    [InlineData("[320,32]", "[32,320]", "[320, 32]")]
    [InlineData("\"dtype\"", "\"dtypo\"", "dtype")]
    [InlineData("{\"", "[\"", "JSON")]
    public async Task A_header_that_does_not_fit_the_model(string from, string to, string part)
    {
        Spoil(bytes =>
        {
            var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            var text = Encoding.UTF8.GetString(bytes, 8, header);
            var at = text.IndexOf(from, StringComparison.Ordinal);
            Assert.True(at >= 0, $"{from} is not in {text[..Math.Min(900, text.Length)]}");
            Encoding.UTF8.GetBytes(to).CopyTo(bytes, 8 + Encoding.UTF8.GetByteCount(text[..at]));
            return bytes;
        });
        await CommandLine.Refuse(1, _folder.Path, [Model, part], Score());
    }

    [Fact]
    public async Task Weights_that_are_not_there()
    {
        world.CopyModel(Model);
        File.Delete(Weights);
        await CommandLine.Refuse(1, _folder.Path, [Model, "safetensors"], Score());
    }

    [Fact]
    public async Task Weights_that_are_no_numbers()
    {
        Spoil(bytes =>
        {
            bytes.AsSpan(bytes.Length - 4096).Fill(0xFF);
            return bytes;
        });
        await CommandLine.Refuse(1, _folder.Path, ["questions.jsonl:1", "finite", "NaN"], [.. Score(), "--out", _folder.File("scores.jsonl")]);
    }

    [Theory]
    [InlineData("\"internvl_chat\"", "\"llava\"", "llava")]
    [InlineData("\"qwen2\"", "\"mamba\"", "mamba")]
    [InlineData("\"hidden_size\": 32", "\"hidden_size\": 33", "hidden_size")]
    [InlineData("\"num_attention_heads\": 2", "\"num_attention_heads\": 0", "num_attention_heads")]
    [InlineData("\"vocab_size\": 320", "\"vocab_size\": -1", "vocab_size")]
    [InlineData("\"num_hidden_layers\": 2", "\"num_hidden_layers\": \"two\"", "num_hidden_layers")]
    [InlineData("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 2000000000", "num_hidden_layers")]
    [InlineData("\"architectures\"", "architectures\"", "config.json")]
    public async Task A_configuration_of_something_else(string from, string to, string part)
    {
        var text = File.ReadAllText(world.Config);
        Assert.Contains(from, text);
        var config = _folder.Write("config.json", text.Replace(from, to));
        await CommandLine.Refuse(1, _folder.Path, [config, part], "init", "--config", config, "--tokenizer", world.Tokenizer, "--out", _folder.File("new"));
        await CommandLine.Refuse(1, _folder.Path, [config, part], "inspect", "--model", config);
    }

    [Fact]
    public async Task A_vocabulary_smaller_than_the_tokenizer()
    {
        var config = _folder.Write("config.json", File.ReadAllText(world.Config).Replace("\"vocab_size\": 320", "\"vocab_size\": 260"));
        await CommandLine.Refuse(1, _folder.Path, [config, "vocab_size", "260"], "init", "--config", config, "--tokenizer", world.Tokenizer, "--out", _folder.File("new"));
    }

    [Fact]
    public async Task A_tokenizer_that_is_not_there()
    {
        await CommandLine.Refuse(1, _folder.Path, ["nowhere", "vocab.json"], "init", "--config", world.Config, "--tokenizer", _folder.File("nowhere"), "--out", _folder.File("new"));
        await CommandLine.Refuse(1, _folder.Path, ["nowhere", "vocab.json"], "tokenize", "--tokenizer", _folder.File("nowhere"), "--text", "a");
        world.CopyModel(Model);
        File.Delete(Path.Combine(Model, "vocab.json"));
        await CommandLine.Refuse(1, _folder.Path, [Model, "tokenizer"], Score());
        await CommandLine.Refuse(1, _folder.Path, [Model, "tokenizer"], "caption", "--model", Model, "--data", world.Questions, "--out", _folder.File("store"));
        await CommandLine.Refuse(1, _folder.Path, [Model, "tokenizer"], "generate", "--model", Model, "--prompt", "a");
    }

    [Theory]
    [InlineData("vocab.json", "{\"a\": 0, ")]
    [InlineData("vocab.json", "[]")]
    [InlineData("vocab.json", "{\"a\": \"b\"}")]
    [InlineData("merges.txt", "#version: 0.2\na\n")]
    public async Task A_tokenizer_that_is_broken(string file, string text)
    {
        world.CopyModel(Model);
        File.WriteAllText(Path.Combine(Model, file), text);
        await CommandLine.Refuse(1, _folder.Path, [Path.Combine(Model, file)], Score());
    }

    [Theory]
    [InlineData("ilgpu:tpu", "'ilgpu:tpu'")]
    [InlineData("ilgpu:cuda:77", "cuda:77")]
    [InlineData("tpu", "'tpu'")]
    [InlineData("cpu:3", "cpu")]
    public async Task A_backend_that_is_not_here(string name, string part) =>
        await CommandLine.Refuse(1, _folder.Path, [part], "score", "--model", world.Model, "--data", world.Questions, "--backend", name);

    private string[] Score() => ["score", "--model", Model, "--data", world.Questions];

    private void Spoil(Func<byte[], byte[]> change)
    {
        world.CopyModel(Model);
        File.WriteAllBytes(Weights, change(File.ReadAllBytes(Weights)));
    }
}
