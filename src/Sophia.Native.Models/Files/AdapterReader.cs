using System.Globalization;

namespace Sophia.Native.Models.Files;

/// <summary>Reads adapters in PEFT's layout: adapter_config.json and adapter_model.safetensors. What is adapted is what the tensors say; the targets of the configuration are not asked.</summary>
public static class AdapterReader
{
    private const int ChunkElements = 1 << 20;

    /// <summary>Reads which linear layers an adapter adapts, and how. A dropout in the file plays no part, since it acts in PEFT's training alone.</summary>
    /// <param name="folder">The folder with the two files.</param>
    /// <param name="config">The model that is adapted.</param>
    /// <exception cref="FileNotFoundException">One of the files is missing.</exception>
    /// <exception cref="InvalidDataException">A file is not valid, of a kind of adapter that is not supported, or does not fit the model; the message says what.</exception>
    public static AdapterConfig ReadConfig(string folder, InternVLConfig config)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        var (rank, alpha) = ReadRank(folder);
        using var file = Open(folder);
        var paths = new List<string>();
        foreach (var (module, _, _) in AdapterFiles.Match(file, config, rank))
            paths.Add(module.Path);
        return new(rank, alpha, paths);
    }

    /// <summary>Reads the <see cref="TextConfig.RopeLength"/> of the model that an adapter was trained over; null where it had none, or where another program wrote the files.</summary>
    /// <param name="folder">The folder with the two files.</param>
    /// <exception cref="FileNotFoundException">One of the files is missing.</exception>
    /// <exception cref="InvalidDataException">A file is not valid, or of a kind of adapter that is not supported.</exception>
    public static int? ReadRopeLength(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        // What is no adapter is told before what is wrong with its matrices.
        ReadRank(folder);
        using var file = Open(folder);
        if (!file.Metadata.TryGetValue(AdapterFiles.RopeLengthKey, out var text))
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length) && length > 0 ? length
            : throw new InvalidDataException($"{file.Path}: __metadata__: {AdapterFiles.RopeLengthKey}: expected a number of tokens, found {SafetensorsHeader.Quote(text)}.");
    }

    /// <summary>Reads A and B of every adapted layer.</summary>
    /// <param name="folder">The folder with the two files.</param>
    /// <param name="layout">A layout with this adapter, usually that of <see cref="ReadConfig"/> of the same folder.</param>
    /// <param name="sink">Takes the matrices in chunks of whole rows.</param>
    /// <exception cref="FileNotFoundException">One of the files is missing.</exception>
    /// <exception cref="InvalidDataException">A file is not valid, or holds another adapter than that of the layout.</exception>
    public static void Read(string folder, ParameterLayout layout, IParameterSink sink)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(sink);
        var adapter = layout.Adapter ?? throw new ArgumentException("Expected a layout with an adapter, found none.", nameof(layout));
        var (rank, alpha) = ReadRank(folder);
        using var file = Open(folder);
        var found = AdapterFiles.Match(file, layout.Config, rank);
        Compare(folder, adapter, rank, alpha, found);
        foreach (var (module, down, up) in found)
        {
            Read(down, layout[module.DownName], sink);
            Read(up, layout[module.UpName], sink);
        }
    }

    private static SafetensorsFile Open(string folder)
    {
        var path = Path.Combine(folder, AdapterFiles.WeightsName);
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: expected the matrices of an adapter, found no such file{(File.Exists(Path.ChangeExtension(path, ".bin")) ? " but one of PyTorch's own format: save it anew as safetensors" : "")}.", path);
        return SafetensorsFile.Open(path);
    }

    /// <summary>The configuration; what would make another model of the same tensors is refused.</summary>
    private static (int Rank, double Alpha) ReadRank(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{folder}: expected a folder with {AdapterFiles.ConfigName} and {AdapterFiles.WeightsName}, found {(File.Exists(folder) ? "a file" : "no such folder")}.");
        var root = JsonSection.Load(Path.Combine(folder, AdapterFiles.ConfigName));
        if (root.Text("peft_type") is not "LORA" and var kind)
            throw root.Fault("peft_type", $"expected \"LORA\", found \"{kind}\"");
        root.RequireText("bias", "none");
        root.RequireFlag("use_dora", false, "the magnitudes of DoRA are not supported");
        root.RequireFlag("use_rslora", false, "only the scale alpha / rank is supported");
        root.RequireFlag("fan_in_fan_out", false, "no linear layer of these models is transposed");
        root.RequireFlag("lora_bias", false, "biases of an adapter are not supported");
        RequireEmpty(root, "rank_pattern");
        RequireEmpty(root, "alpha_pattern");
        if (root.OptionalTexts("modules_to_save") is { Count: > 0 })
            throw root.Fault("modules_to_save", "expected none, found some: an adapter with whole layers is not supported");
        var rank = root.Integer("r");
        if (rank is < 1 or > AdapterConfig.MaximumRank)
            throw root.Fault("r", $"expected a rank from 1 to {AdapterConfig.MaximumRank}, found {rank}");
        var alpha = root.Number("lora_alpha");
        return alpha > 0 && alpha <= float.MaxValue ? (rank, alpha) : throw root.Fault("lora_alpha", FormattableString.Invariant($"expected a number above 0, found {alpha}"));
    }

    private static void RequireEmpty(JsonSection root, string key)
    {
        if (root.OptionalSection(key) is { } section && section.Properties().Any())
            throw root.Fault(key, "expected an empty object, found entries: one rank and one alpha for all layers are supported");
    }

    private static void Compare(string folder, AdapterConfig adapter, int rank, double alpha, List<(LinearModule Module, SafetensorsTensor Down, SafetensorsTensor Up)> found)
    {
        if (rank != adapter.Rank || alpha != adapter.Alpha)
            throw new InvalidDataException(FormattableString.Invariant($"{folder}: expected an adapter of rank {adapter.Rank} and alpha {adapter.Alpha}, found rank {rank} and alpha {alpha}."));
        var expected = new HashSet<string>(adapter.Modules, StringComparer.Ordinal);
        foreach (var (module, _, _) in found)
        {
            if (!expected.Remove(module.Path))
                throw new InvalidDataException($"{folder}: expected {adapter.Modules.Count} adapted layers, found {found.Count}, {module.Path} among them, which is not one of those.");
        }
        if (expected.Count > 0)
            throw new InvalidDataException($"{folder}: expected {adapter.Modules.Count} adapted layers, found {found.Count}, {expected.First()} not among them.");
    }

    private static void Read(SafetensorsTensor tensor, Parameter parameter, IParameterSink sink)
    {
        var rowsAtOnce = Math.Clamp(ChunkElements / parameter.Columns, 1, parameter.Rows);
        var buffer = new float[rowsAtOnce * parameter.Columns];
        for (var row = 0; row < parameter.Rows; row += rowsAtOnce)
        {
            var rows = buffer.AsSpan(0, Math.Min(rowsAtOnce, parameter.Rows - row) * parameter.Columns);
            tensor.ReadFloats((long)row * parameter.Columns, rows);
            sink.Write(parameter, row, rows);
        }
    }
}
