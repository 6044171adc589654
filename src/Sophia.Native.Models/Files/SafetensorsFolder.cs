using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Sophia.Native.Models.Files;

/// <summary>The weights of a checkpoint folder as one set of tensors: model.safetensors, or the shards that model.safetensors.index.json names.</summary>
public sealed class SafetensorsFolder : IDisposable
{
    internal const string SingleFileName = "model.safetensors";
    internal const string IndexFileName = "model.safetensors.index.json";
    internal const string WeightMapKey = "weight_map";

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsTensor> _byName = new(StringComparer.Ordinal);

    private SafetensorsFolder(string path) => Path = path;

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>All tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> Tensors => _byName;

    /// <summary>The open files.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>Opens all weight files of a folder. As in transformers, model.safetensors wins where both it and an index exist.</summary>
    /// <param name="folder">A checkpoint folder.</param>
    /// <returns>The open tensors; dispose them.</returns>
    /// <exception cref="FileNotFoundException">The folder has neither model.safetensors nor an index, or lacks a shard.</exception>
    /// <exception cref="InvalidDataException">A file is not valid, the index names a file outside the folder, or index and shards disagree.</exception>
    public static SafetensorsFolder Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var opened = new SafetensorsFolder(folder);
        try
        {
            var single = System.IO.Path.Combine(folder, SingleFileName);
            var index = System.IO.Path.Combine(folder, IndexFileName);
            if (File.Exists(single)) opened.Add(SafetensorsFile.Open(single));
            else if (File.Exists(index)) opened.OpenShards(index);
            else throw new FileNotFoundException($"{folder}: expected {SingleFileName} or {IndexFileName}, found neither.", single);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Looks a tensor up.</summary>
    /// <param name="name">The name in the files.</param>
    /// <param name="tensor">The tensor found.</param>
    /// <returns>Whether some file has it.</returns>
    public bool TryFind(string name, [NotNullWhen(true)] out SafetensorsTensor? tensor) => _byName.TryGetValue(name, out tensor);

    /// <summary>Closes all files.</summary>
    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    private void OpenShards(string index)
    {
        var map = JsonSection.Load(index).Section(WeightMapKey);
        var shardOf = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in map.Properties())
        {
            var shard = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
            if (!IsPlainFileName(shard))
                throw new InvalidDataException($"{index}: {WeightMapKey}: tensor {SafetensorsHeader.Quote(name)}: expected the name of a .safetensors file in the same folder, found {SafetensorsHeader.Quote(value.ToString())}.");
            shardOf.Add(name, shard);
        }
        foreach (var shard in new SortedSet<string>(shardOf.Values, StringComparer.Ordinal))
        {
            var path = System.IO.Path.Combine(Path, shard);
            if (!File.Exists(path)) throw new FileNotFoundException($"{index}: expected the shard {path}, found no such file; the download may be incomplete.", path);
            Add(SafetensorsFile.Open(path));
        }
        foreach (var (name, shard) in shardOf)
        {
            if (!_byName.TryGetValue(name, out var tensor))
                throw new InvalidDataException($"{index}: expected the tensor {SafetensorsHeader.Quote(name)} in {shard}, found it in no shard.");
            if (System.IO.Path.GetFileName(tensor.FilePath) != shard)
                throw new InvalidDataException($"{index}: expected the tensor {SafetensorsHeader.Quote(name)} in {shard}, found it in {System.IO.Path.GetFileName(tensor.FilePath)}.");
        }
        foreach (var (name, tensor) in _byName)
        {
            if (!shardOf.ContainsKey(name))
                throw new InvalidDataException($"{index}: the tensor {SafetensorsHeader.Quote(name)} of {System.IO.Path.GetFileName(tensor.FilePath)} is missing in {WeightMapKey}.");
        }
    }

    private void Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (var tensor in file.Tensors)
        {
            if (!_byName.TryAdd(tensor.Name, tensor))
                throw new InvalidDataException($"{file.Path}: the tensor {SafetensorsHeader.Quote(tensor.Name)} is also in {_byName[tensor.Name].FilePath}.");
        }
    }

    /// <summary>An index may come from anywhere; it must not make us open anything outside the folder.</summary>
    private static bool IsPlainFileName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal) && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
