using System.Text.Json;
using System.Text.Json.Nodes;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Files;

/// <summary>Adapters in PEFT's files: what is written, what is read, and what is refused.</summary>
public sealed class AdapterFileTests : IDisposable
{
    private const string Prefix = "base_model.model.model.";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Tensors_have_the_names_and_shapes_that_PEFT_gives_them()
    {
        using var tiny = new TinyModel([], adapter: TinyModel.Adapter(rank: 3));
        AdapterWriter.Write(_folder.Path, tiny.Parameters.Layout, FileElementType.F32, tiny.Parameters);
        using var file = SafetensorsFile.Open(_folder.File("adapter_model.safetensors"));
        Assert.Equal(2 * 22, file.Tensors.Count);
        Shape("language_model.layers.1.self_attn.k_proj.lora_A.weight", 3, 32);
        Shape("language_model.layers.1.self_attn.k_proj.lora_B.weight", 16, 3);
        Shape("language_model.layers.0.self_attn.o_proj.lora_B.weight", 32, 3);
        Shape("language_model.layers.0.mlp.gate_proj.lora_B.weight", 48, 3);
        Shape("language_model.layers.0.mlp.down_proj.lora_A.weight", 3, 48);
        Shape("multi_modal_projector.linear_1.lora_A.weight", 3, 128);
        Shape("vision_tower.encoder.layer.0.attention.q_proj.lora_A.weight", 3, 32);
        Shape("vision_tower.encoder.layer.0.attention.projection_layer.lora_B.weight", 32, 3);
        Shape("vision_tower.encoder.layer.0.mlp.fc2.lora_A.weight", 3, 48);
        Assert.Equal("pt", file.Metadata["format"]);

        void Shape(string name, params long[] shape) => Assert.Equal(shape, file[Prefix + name].Shape);
    }

    [Fact]
    public void The_configuration_says_what_PEFT_needs()
    {
        using var tiny = new TinyModel([], adapter: TinyModel.Adapter(rank: 3, alpha: 1.5, targets: ["linear_2", "q_proj"]));
        AdapterWriter.Write(_folder.Path, tiny.Parameters.Layout, FileElementType.BF16, tiny.Parameters, "some/model");
        var config = JsonElement.Parse(File.ReadAllText(_folder.File("adapter_config.json")));
        Assert.Equal(("LORA", "CAUSAL_LM", "none", "some/model"), (Text("peft_type"), Text("task_type"), Text("bias"), Text("base_model_name_or_path")));
        Assert.Equal((3, 1.5, 0.0), (config.GetProperty("r").GetInt32(), config.GetProperty("lora_alpha").GetDouble(), config.GetProperty("lora_dropout").GetDouble()));
        Assert.Equal(tiny.Parameters.Layout.Adapter!.Modules, config.GetProperty("target_modules").EnumerateArray().Select(module => module.GetString()));
        using var file = SafetensorsFile.Open(_folder.File("adapter_model.safetensors"));
        Assert.All(file.Tensors, tensor => Assert.Equal(FileElementType.BF16, tensor.Type));

        string? Text(string key) => config.GetProperty(key).GetString();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("v_proj")]
    [InlineData("fc1")]
    [InlineData("linear_1")]
    public void What_was_written_is_read_bit_for_bit(string? target)
    {
        using var tiny = Write(target is null ? null : [target]);
        var adapter = AdapterReader.ReadConfig(_folder.Path, TinyModel.Config);
        Assert.Equal((5, 7.0), (adapter.Rank, adapter.Alpha));
        Assert.Equal(tiny.Parameters.Layout.Adapter!.Modules, adapter.Modules);
        using var read = new TinyModel([ParameterGroup.Adapter], adapter: adapter);
        AdapterReader.Read(_folder.Path, read.Parameters.Layout, read.Parameters);
        CpuFixture.SameBits(tiny.Values(), read.Values(), "parameters");
    }

    [Fact]
    public void The_rope_length_stands_in_the_metadata_of_the_matrices_and_nowhere_else()
    {
        using var plain = Write(["q_proj"]);
        Assert.Null(AdapterReader.ReadRopeLength(_folder.Path));
        var configuration = File.ReadAllText(_folder.File("adapter_config.json"));
        var config = TinyModel.Config with { Text = TinyModel.Config.Text with { DynamicRopeFactor = 2, RopeLength = 96 } };
        using var tiny = new TinyModel([], config: config, adapter: TinyModel.Adapter(rank: 5, alpha: 7, targets: ["q_proj"]));
        AdapterWriter.Write(_folder.Path, tiny.Parameters.Layout, FileElementType.F32, tiny.Parameters);
        Assert.Equal(96, AdapterReader.ReadRopeLength(_folder.Path));
        // PEFT reads the configuration, and versions of it refuse keys there that they do not know.
        Assert.Equal(configuration, File.ReadAllText(_folder.File("adapter_config.json")));
        using (var file = SafetensorsFile.Open(_folder.File("adapter_model.safetensors")))
            Assert.Equal(["format = pt", "rope_length = 96"], file.Metadata.Select(entry => $"{entry.Key} = {entry.Value}").Order());
        var bytes = File.ReadAllBytes(_folder.File("adapter_model.safetensors"));
        bytes.AsSpan(bytes.AsSpan().IndexOf("\"96\""u8) + 1, 2).Fill((byte)'x');
        File.WriteAllBytes(_folder.File("adapter_model.safetensors"), bytes);
        Refused(() => AdapterReader.ReadRopeLength(_folder.Path), "rope_length", "expected a number of tokens, found \"xx\"");
    }

    [Theory]
    [InlineData("base_model.model.language_model.model.", "base_model.model.")]
    [InlineData("base_model.model.language_model.", "base_model.model.")]
    [InlineData("base_model.model.model.language_model.", "base_model.model.model.")]
    public void Names_of_other_versions_of_transformers_are_read(string text, string rest)
    {
        using var tiny = Write(null);
        Rename(name => name.StartsWith(Prefix + "language_model.", StringComparison.Ordinal) ? text + name[(Prefix + "language_model.").Length..] : rest + name[Prefix.Length..]);
        using var read = new TinyModel([], adapter: AdapterReader.ReadConfig(_folder.Path, TinyModel.Config));
        AdapterReader.Read(_folder.Path, read.Parameters.Layout, read.Parameters);
        CpuFixture.SameBits(tiny.Values(), read.Values(), "parameters");
    }

    [Fact]
    public void Matrices_for_another_model_are_refused_by_name_and_shape()
    {
        using var tiny = Write(null);
        var wider = TinyModel.Config with { Text = TinyModel.Config.Text with { FeedForwardSize = 64 } };
        Refused(() => AdapterReader.ReadConfig(_folder.Path, wider), "mlp.gate_proj.lora_B.weight\" has shape [48, 5], expected [64, 5]", "made for another model");
        var shallower = TinyModel.Config with { Text = TinyModel.Config.Text with { LayerCount = 1 } };
        Refused(() => AdapterReader.ReadConfig(_folder.Path, shallower), "14 differences", "unknown tensor", "language_model.layers.1.", "and 4 more");
        var other = new AdapterConfig(5, 7, ["model.language_model.layers.0.self_attn.q_proj"]);
        using (var model = new TinyModel([], adapter: other))
            Refused(() => AdapterReader.Read(_folder.Path, model.Parameters.Layout, model.Parameters), "expected 1 adapted layers, found 22");
        using (var model = new TinyModel([], adapter: TinyModel.Adapter(rank: 5, alpha: 8)))
            Refused(() => AdapterReader.Read(_folder.Path, model.Parameters.Layout, model.Parameters), "rank 5 and alpha 8, found rank 5 and alpha 7");
    }

    [Fact]
    public void A_missing_matrix_and_an_unknown_one_are_named()
    {
        using var tiny = Write(["q_proj"]);
        Rename(name => name.Replace("layers.1.self_attn.q_proj.lora_B", "layers.1.self_attn.x_proj.lora_B", StringComparison.Ordinal));
        Refused(() => AdapterReader.ReadConfig(_folder.Path, TinyModel.Config), "missing tensor \"" + Prefix + "language_model.layers.1.self_attn.q_proj.lora_B.weight\"",
            "unknown tensor \"" + Prefix + "language_model.layers.1.self_attn.x_proj.lora_B.weight\"");
    }

    [Theory]
    [InlineData("r", "6", "has shape [5, 32], expected [6, 32]")]
    [InlineData("r", "0", "r: expected a rank from 1 to 16384, found 0")]
    [InlineData("r", "null", "r: expected a whole number, found nothing")]
    [InlineData("lora_alpha", "-1", "lora_alpha: expected a number above 0, found -1")]
    [InlineData("peft_type", "\"IA3\"", "peft_type: expected \"LORA\", found \"IA3\"")]
    [InlineData("bias", "\"all\"", "bias: expected \"none\", found \"all\"")]
    [InlineData("use_dora", "true", "use_dora: expected false, found true")]
    [InlineData("use_rslora", "true", "use_rslora: expected false, found true")]
    [InlineData("fan_in_fan_out", "true", "fan_in_fan_out: expected false, found true")]
    [InlineData("rank_pattern", "{\"q_proj\": 8}", "rank_pattern: expected an empty object")]
    [InlineData("alpha_pattern", "{\"q_proj\": 8}", "alpha_pattern: expected an empty object")]
    [InlineData("modules_to_save", "[\"lm_head\"]", "modules_to_save: expected none, found some")]
    public void A_configuration_that_is_not_served_is_an_error_that_names_the_key(string key, string value, string message)
    {
        using var tiny = Write(null);
        var path = _folder.File("adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Refused(() => AdapterReader.ReadConfig(_folder.Path, TinyModel.Config), message);
    }

    [Theory]
    [InlineData("lora_dropout", "0.1")]
    [InlineData("rank_pattern", "{}")]
    [InlineData("modules_to_save", "[]")]
    [InlineData("target_modules", "\"all-linear\"")]
    [InlineData("some_later_key", "[1, 2]")]
    public void What_changes_no_number_is_read_over(string key, string value)
    {
        using var tiny = Write(["q_proj"]);
        var path = _folder.File("adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Assert.Equal(3, AdapterReader.ReadConfig(_folder.Path, TinyModel.Config).Modules.Count);
    }

    [Fact]
    public void Missing_files_are_named()
    {
        Assert.Contains("no such folder", Assert.Throws<DirectoryNotFoundException>(() => AdapterReader.ReadConfig(_folder.File("none"), TinyModel.Config)).Message);
        Assert.Contains("adapter_config.json", Assert.Throws<FileNotFoundException>(() => AdapterReader.ReadConfig(_folder.Path, TinyModel.Config)).Message);
        using var tiny = Write(null);
        File.Move(_folder.File("adapter_model.safetensors"), _folder.File("adapter_model.bin"));
        var message = Assert.Throws<FileNotFoundException>(() => AdapterReader.ReadConfig(_folder.Path, TinyModel.Config)).Message;
        Assert.Contains("adapter_model.safetensors", message);
        Assert.Contains("PyTorch's own format", message);
    }

    [Theory]
    [InlineData(CheckpointLayout.HuggingFace)]
    [InlineData(CheckpointLayout.Original)]
    public void A_merged_checkpoint_holds_W_and_the_product_and_the_model_keeps_its_bits(CheckpointLayout layout)
    {
        using var tiny = new TinyModel([], adapter: TinyModel.Adapter()).WithRandomAdapter();
        var before = tiny.Values();
        CheckpointWriter.Write(_folder.Path, tiny.Parameters.Layout, layout, FileElementType.F32, new MergedParameters(tiny.Parameters));
        CpuFixture.SameBits(before, tiny.Values(), "the adapted model");
        using var merged = new TinyModel([]);
        Assert.Equal(layout, CheckpointReader.Read(_folder.Path, merged.Parameters.Layout, merged.Parameters));
        var adapted = tiny.Parameters.Layout.AdaptedModules;
        foreach (var parameter in merged.Parameters.Layout.Parameters)
        {
            var expected = tiny.Download(tiny.Parameters[parameter.Name].Value);
            foreach (var module in adapted.Where(module => module.Weight.Name == parameter.Name))
            {
                var down = tiny.Download(tiny.Parameters[module.DownName].Value);
                var up = tiny.Download(tiny.Parameters[module.UpName].Value);
                for (var o = 0; o < module.Rows; o++)
                {
                    for (var c = 0; c < module.Columns; c++)
                    {
                        var sum = 0.0;
                        for (var k = 0; k < 4; k++)
                            sum += (double)up[o * 4 + k] * down[k * module.Columns + c];
                        ref var weight = ref expected[(module.FirstRow + o) * module.Columns + c];
                        weight = (float)(weight + 1.5 * sum);
                    }
                }
            }
            CpuFixture.SameBits(expected, merged.Download(merged.Parameters[parameter.Name].Value), parameter.Name);
        }
    }

    private TinyModel Write(string[]? targets)
    {
        var tiny = new TinyModel([], adapter: TinyModel.Adapter(rank: 5, alpha: 7, targets: targets)).WithRandomAdapter();
        AdapterWriter.Write(_folder.Path, tiny.Parameters.Layout, FileElementType.F32, tiny.Parameters);
        return tiny;
    }

    /// <summary>Writes the matrices anew under other names.</summary>
    private void Rename(Func<string, string> name)
    {
        var path = _folder.File("adapter_model.safetensors");
        var tensors = new List<(SafetensorsDeclaration Declaration, float[] Values)>();
        using (var file = SafetensorsFile.Open(path))
        {
            foreach (var tensor in file.Tensors)
            {
                var values = new float[tensor.ElementCount];
                tensor.ReadFloats(0, values);
                tensors.Add((new(name(tensor.Name), tensor.Type, [.. tensor.Shape]), values));
            }
        }
        using var writer = SafetensorsWriter.Create(path, tensors.Select(tensor => tensor.Declaration));
        foreach (var (declaration, values) in tensors)
            writer.WriteFloats(declaration.Name, values);
        writer.Commit();
    }

    private static void Refused(Action action, params string[] parts)
    {
        var message = Assert.Throws<InvalidDataException>(action).Message;
        foreach (var part in parts)
            Assert.Contains(part, message);
        Assert.EndsWith(".", message);
    }
}
