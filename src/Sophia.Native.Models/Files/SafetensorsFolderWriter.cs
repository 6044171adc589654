using System.Globalization;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Models.Files;

/// <summary>
/// Writes weights into a folder: model.safetensors, or, beyond a size, numbered shards with model.safetensors.index.json. Each file appears whole; the index,
/// without which no reader finds the shards, comes last.
/// </summary>
public sealed class SafetensorsFolderWriter : IDisposable
{
    private readonly string _folder;
    private readonly IReadOnlyDictionary<string, string>? _metadata;
    private readonly List<Shard> _shards;
    private readonly Dictionary<string, Shard> _shardOf = new(StringComparer.Ordinal);

    private SafetensorsFolderWriter(string folder, List<Shard> shards, List<SafetensorsDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        _folder = folder;
        _shards = shards;
        _metadata = metadata;
        Tensors = tensors.AsReadOnly();
        foreach (var shard in shards)
        {
            foreach (var tensor in shard.Tensors)
            {
                if (!_shardOf.TryAdd(tensor.Name, shard)) throw new ArgumentException($"The tensor \"{tensor.Name}\" is declared twice.", nameof(tensors));
            }
        }
    }

    /// <summary>The tensors in declared order. Writing them one after the other keeps one file open at a time.</summary>
    public IReadOnlyList<SafetensorsDeclaration> Tensors { get; }

    /// <summary>Plans the files and checks that the folder holds no other weights that a reader could mistake for these.</summary>
    /// <param name="folder">The folder; created where missing.</param>
    /// <param name="tensors">All tensors, in the order in which shards are filled.</param>
    /// <param name="maxShardBytes">Most bytes of data in a file; a larger tensor gets a file of its own.</param>
    /// <param name="metadata">Texts for <c>__metadata__</c> of every file.</param>
    /// <returns>The writer; dispose it.</returns>
    /// <exception cref="IOException">The folder holds weights under other file names than the new ones will have.</exception>
    public static SafetensorsFolderWriter Create(string folder, IEnumerable<SafetensorsDeclaration> tensors, long maxShardBytes, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxShardBytes, 1);
        var all = new List<SafetensorsDeclaration>(tensors);
        var shards = new List<Shard>();
        long size = 0;
        foreach (var tensor in all)
        {
            if (shards.Count == 0 || size > maxShardBytes - tensor.ByteCount)
            {
                shards.Add(new Shard());
                size = 0;
            }
            shards[^1].Tensors.Add(tensor);
            size += tensor.ByteCount;
        }
        if (shards.Count == 0) shards.Add(new Shard());
        for (var i = 0; i < shards.Count; i++)
        {
            shards[i].FileName = shards.Count == 1 ? SafetensorsFolder.SingleFileName
                : string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
        }
        var writer = new SafetensorsFolderWriter(folder, shards, all, metadata);
        writer.CheckFolder();
        return writer;
    }

    /// <summary>Appends floats to a tensor.</summary>
    /// <param name="name">A declared tensor.</param>
    /// <param name="values">The next elements of it.</param>
    /// <exception cref="ArgumentException">The tensor is not declared or is already complete.</exception>
    public void WriteFloats(string name, ReadOnlySpan<float> values)
    {
        if (!_shardOf.TryGetValue(name, out var shard)) throw new ArgumentException($"{_folder}: no tensor \"{name}\" was declared.", nameof(name));
        if (shard.IsCommitted) throw new ArgumentException($"{_folder}: the tensor \"{name}\" is already complete.", nameof(name));
        var writer = shard.Writer ??= SafetensorsWriter.Create(Path.Combine(_folder, shard.FileName), shard.Tensors, _metadata);
        var wasComplete = writer.IsComplete(name);
        writer.WriteFloats(name, values);
        if (wasComplete || !writer.IsComplete(name) || ++shard.CompleteCount < shard.Tensors.Count) return;
        Commit(shard);
    }

    /// <summary>Checks that every tensor is complete and writes the index where there are shards.</summary>
    /// <exception cref="InvalidOperationException">A tensor is not complete.</exception>
    public void Commit()
    {
        foreach (var shard in _shards)
        {
            if (shard.IsCommitted) continue;
            // A file of empty tensors is complete before anything is written to it.
            shard.Writer ??= SafetensorsWriter.Create(Path.Combine(_folder, shard.FileName), shard.Tensors, _metadata);
            Commit(shard);
        }
        if (_shards.Count > 1) WriteIndex();
    }

    /// <summary>Discards what is not committed. Committed shards without an index stay; no reader takes them for a checkpoint.</summary>
    public void Dispose()
    {
        foreach (var shard in _shards) shard.Writer?.Dispose();
    }

    private static void Commit(Shard shard)
    {
        shard.Writer!.Commit();
        shard.Writer.Dispose();
        shard.Writer = null;
        shard.IsCommitted = true;
    }

    private void CheckFolder()
    {
        Directory.CreateDirectory(_folder);
        var own = new HashSet<string>(StringComparer.Ordinal);
        foreach (var shard in _shards) own.Add(shard.FileName);
        var index = Path.Combine(_folder, SafetensorsFolder.IndexFileName);
        foreach (var path in Directory.EnumerateFiles(_folder, "model*.safetensors"))
        {
            if (!own.Contains(Path.GetFileName(path)))
                throw new IOException($"{_folder}: expected a folder without other weights, found {Path.GetFileName(path)}; choose another folder or remove it.");
        }
        if (!File.Exists(index)) return;
        if (_shards.Count == 1)
            throw new IOException($"{_folder}: expected a folder without other weights, found {SafetensorsFolder.IndexFileName}; choose another folder or remove it.");
        // Until the new index is there, a mixture of old and new shards must not look like a checkpoint.
        File.Delete(index);
        AtomicFile.FlushFolder(_folder);
    }

    private void WriteIndex()
    {
        long total = 0;
        foreach (var tensor in Tensors) total += tensor.ByteCount;
        var names = new List<string>(_shardOf.Keys);
        names.Sort(StringComparer.Ordinal);
        AtomicFile.Write(Path.Combine(_folder, SafetensorsFolder.IndexFileName), stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", total);
            json.WriteEndObject();
            json.WriteStartObject(SafetensorsFolder.WeightMapKey);
            foreach (var name in names) json.WriteString(name, _shardOf[name].FileName);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    private sealed class Shard
    {
        public List<SafetensorsDeclaration> Tensors { get; } = [];

        public string FileName { get; set; } = "";

        public SafetensorsWriter? Writer { get; set; }

        public int CompleteCount { get; set; }

        public bool IsCommitted { get; set; }
    }
}
