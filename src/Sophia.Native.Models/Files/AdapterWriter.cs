using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Models.Files;

/// <summary>Writes an adapter in PEFT's layout, so that PEFT can load it over transformers' InternVLForConditionalGeneration: adapter_model.safetensors, then adapter_config.json.</summary>
public static class AdapterWriter
{
    private const int ChunkElements = 1 << 20;

    /// <summary>Writes A and B of every adapted layer, their configuration and, where the model has one, its <see cref="TextConfig.RopeLength"/>.</summary>
    /// <param name="folder">The folder; created where missing. Files of the same names are replaced.</param>
    /// <param name="layout">A layout with an adapter.</param>
    /// <param name="saveType">F32, or BF16, which rounds to nearest, ties to even.</param>
    /// <param name="source">Gives the matrices.</param>
    /// <param name="baseModel">Name or folder of the model that is adapted, for other readers; null where it is not known.</param>
    /// <exception cref="ArgumentException">The layout has no adapter, or the type is neither F32 nor BF16.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string folder, ParameterLayout layout, FileElementType saveType, IParameterSource source, string? baseModel = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(source);
        var adapter = layout.Adapter ?? throw new ArgumentException("Expected a layout with an adapter, found none.", nameof(layout));
        if (saveType is not (FileElementType.F32 or FileElementType.BF16))
            throw new ArgumentException($"Expected F32 or BF16 to save an adapter in, found {saveType}.", nameof(saveType));
        var tensors = new List<(string Name, Parameter Parameter)>();
        foreach (var module in layout.AdaptedModules)
        {
            tensors.Add((AdapterFiles.Prefix + module.Path + AdapterFiles.DownSuffix, layout[module.DownName]));
            tensors.Add((AdapterFiles.Prefix + module.Path + AdapterFiles.UpSuffix, layout[module.UpName]));
        }
        var declarations = tensors.ConvertAll(tensor => new SafetensorsDeclaration(tensor.Name, saveType, [tensor.Parameter.Rows, tensor.Parameter.Columns]));
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (layout.Config.Text.RopeLength is { } ropeLength)
            metadata[AdapterFiles.RopeLengthKey] = ropeLength.ToString(CultureInfo.InvariantCulture);
        using (var writer = SafetensorsWriter.Create(Path.Combine(folder, AdapterFiles.WeightsName), declarations, metadata))
        {
            foreach (var (name, parameter) in tensors)
                Write(writer, name, parameter, source);
            writer.Commit();
        }
        WriteConfig(Path.Combine(folder, AdapterFiles.ConfigName), adapter, baseModel);
    }

    private static void Write(SafetensorsWriter writer, string name, Parameter parameter, IParameterSource source)
    {
        var rowsAtOnce = Math.Clamp(ChunkElements / parameter.Columns, 1, parameter.Rows);
        var buffer = new float[rowsAtOnce * parameter.Columns];
        for (var row = 0; row < parameter.Rows; row += rowsAtOnce)
        {
            var rows = buffer.AsSpan(0, Math.Min(rowsAtOnce, parameter.Rows - row) * parameter.Columns);
            source.Read(parameter, row, rows);
            writer.WriteFloats(name, rows);
        }
    }

    /// <summary>The keys of PEFT's LoraConfig that say what the tensors are. Targets are whole paths, because the same last name may stand in parts that are not adapted.</summary>
    private static void WriteConfig(string path, AdapterConfig adapter, string? baseModel) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        if (baseModel is null)
            json.WriteNull("base_model_name_or_path");
        else
            json.WriteString("base_model_name_or_path", baseModel);
        json.WriteString("bias", "none");
        json.WriteBoolean("fan_in_fan_out", false);
        json.WriteBoolean("inference_mode", true);
        json.WriteBoolean("init_lora_weights", true);
        json.WriteNumber("lora_alpha", adapter.Alpha);
        json.WriteNumber("lora_dropout", 0);
        json.WriteNull("modules_to_save");
        json.WriteString("peft_type", "LORA");
        json.WriteNumber("r", adapter.Rank);
        json.WriteStartArray("target_modules");
        foreach (var module in adapter.Modules)
            json.WriteStringValue(module);
        json.WriteEndArray();
        json.WriteString("task_type", "CAUSAL_LM");
        json.WriteBoolean("use_dora", false);
        json.WriteBoolean("use_rslora", false);
        json.WriteEndObject();
        json.Flush();
        stream.WriteByte((byte)'\n');
    });
}
