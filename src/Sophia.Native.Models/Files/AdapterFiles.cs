using System.Text;

namespace Sophia.Native.Models.Files;

/// <summary>PEFT's files of an adapter: adapter_config.json and adapter_model.safetensors, and how tensors are named in it.</summary>
internal static class AdapterFiles
{
    public const string ConfigName = "adapter_config.json";
    public const string WeightsName = "adapter_model.safetensors";
    public const string DownSuffix = ".lora_A.weight";
    public const string UpSuffix = ".lora_B.weight";

    /// <summary>PEFT's own wrapper and the one that it tunes.</summary>
    public const string Prefix = "base_model.model.";

    /// <summary>
    /// Under which name the metadata of the weights' file says the <see cref="TextConfig.RopeLength"/> that an adapter was trained with. It is not in adapter_config.json, because versions of PEFT refuse keys there that they do not know.
    /// </summary>
    public const string RopeLengthKey = "rope_length";

    private const int MaxReported = 10;

    /// <summary>Finds A and B of every adapted layer and lists everything that does not agree, before any data is read.</summary>
    /// <returns>Modules in the order of the forward pass.</returns>
    public static List<(LinearModule Module, SafetensorsTensor Down, SafetensorsTensor Up)> Match(SafetensorsFile file, InternVLConfig config, int rank)
    {
        var problems = new List<string>();
        var unknown = new Dictionary<string, SafetensorsTensor>(StringComparer.Ordinal);
        foreach (var tensor in file.Tensors)
            unknown.Add(tensor.Name, tensor);
        var found = new List<(LinearModule, SafetensorsTensor, SafetensorsTensor)>();
        foreach (var module in LinearModule.Of(config))
        {
            var down = Take(unknown, module, DownSuffix, rank, module.Columns, problems);
            var up = Take(unknown, module, UpSuffix, module.Rows, rank, problems);
            if (down is not null && up is not null)
                found.Add((module, down, up));
            else if (down is not null || up is not null)
                problems.Add($"missing tensor \"{Prefix}{module.Path}{(down is null ? DownSuffix : UpSuffix)}\"");
        }
        foreach (var name in unknown.Keys)
            problems.Add($"unknown tensor {SafetensorsHeader.Quote(name)}");
        if (found.Count == 0 && problems.Count == 0)
            problems.Add("no tensor at all");
        if (problems.Count == 0)
            return found;
        var message = new StringBuilder();
        message.Append($"{file.Path}: expected A [{rank}, C] and B [O, {rank}] of linear layers of this model, named \"{Prefix}PATH{DownSuffix}\" and \"{Prefix}PATH{UpSuffix}\", found {problems.Count} {(problems.Count == 1 ? "difference" : "differences")}: ");
        message.AppendJoin("; ", problems.GetRange(0, Math.Min(MaxReported, problems.Count)));
        if (problems.Count > MaxReported)
            message.Append($"; and {problems.Count - MaxReported} more");
        throw new InvalidDataException(message.Append(": the adapter was made for another model, or is of another kind.").ToString());
    }

    private static SafetensorsTensor? Take(Dictionary<string, SafetensorsTensor> unknown, LinearModule module, string suffix, long rows, long columns, List<string> problems)
    {
        SafetensorsTensor? found = null;
        foreach (var path in module.Spellings)
        {
            if (!unknown.Remove($"{Prefix}{path}{suffix}", out var tensor))
                continue;
            if (found is not null)
                problems.Add($"the same tensor twice, as \"{found.Name}\" and \"{tensor.Name}\"");
            found ??= tensor;
        }
        if (found is null)
            return null;
        if (found.Shape is not [var foundRows, var foundColumns] || foundRows != rows || foundColumns != columns)
            problems.Add($"tensor \"{found.Name}\" has shape {SafetensorsHeader.Describe(found.Shape)}, expected [{rows}, {columns}]");
        else if (!found.Type.IsFloat())
            problems.Add($"tensor \"{found.Name}\" holds {found.Type.Name()}, expected F16, BF16, F32 or F64");
        return found;
    }
}
