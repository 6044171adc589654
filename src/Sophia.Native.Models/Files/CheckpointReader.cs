namespace Sophia.Native.Models.Files;

/// <summary>Reads the weights of a checkpoint folder, in either layout and any known spelling of its names, into canonical parameters.</summary>
public static class CheckpointReader
{
    /// <summary>Most elements handed to the sink at once, unless a single row has more: 4 MB.</summary>
    private const int ChunkElements = 1 << 20;

    /// <summary>Reads all parameters. Names, shapes and types are checked before any data is read.</summary>
    /// <param name="folder">A folder with model.safetensors or shards and an index.</param>
    /// <param name="config">The model, usually <see cref="InternVLConfig.Load"/> of the same folder.</param>
    /// <param name="sink">Takes the parameters in chunks of whole rows.</param>
    /// <returns>The layout that was found.</returns>
    /// <exception cref="FileNotFoundException">The folder holds no weights, or lacks a shard.</exception>
    /// <exception cref="InvalidDataException">A file is not valid, or a tensor is missing, unknown or of another shape or type; the message names up to ten of them.</exception>
    public static CheckpointLayout Read(string folder, InternVLConfig config, IParameterSink sink) => Read(folder, new ParameterLayout(config), sink);

    /// <summary>Reads all parameters into the places of an existing layout.</summary>
    /// <param name="folder">A folder with model.safetensors or shards and an index.</param>
    /// <param name="layout">The parameters.</param>
    /// <param name="sink">Takes the parameters in chunks of whole rows.</param>
    /// <returns>The layout that was found.</returns>
    /// <exception cref="FileNotFoundException">The folder holds no weights, or lacks a shard.</exception>
    /// <exception cref="InvalidDataException">A file is not valid, or a tensor is missing, unknown or of another shape or type; the message names up to ten of them.</exception>
    public static CheckpointLayout Read(string folder, ParameterLayout layout, IParameterSink sink)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(sink);
        using var files = SafetensorsFolder.Open(folder);
        var match = CheckpointMatch.Find(files, layout);
        match.ThrowOnProblems();

        var buffer = Array.Empty<float>();
        foreach (var parameter in layout.Parameters)
        {
            // An adapter has files of its own.
            if (parameter.Group == ParameterGroup.Adapter) continue;
            var rowsAtOnce = (int)Math.Clamp(ChunkElements / parameter.Columns, 1, parameter.Rows);
            var elements = rowsAtOnce * parameter.Columns;
            if (buffer.Length < elements) buffer = new float[Math.Max(elements, ChunkElements)];
            for (long row = 0; row < parameter.Rows; row += rowsAtOnce)
            {
                var rows = Math.Min(rowsAtOnce, parameter.Rows - row);
                var chunk = buffer.AsSpan(0, (int)(rows * parameter.Columns));
                Read(match, parameter, row * parameter.Columns, chunk);
                sink.Write(parameter, row, chunk);
            }
        }
        return match.Map.CheckpointLayout;
    }

    /// <summary>Fills a stretch of a parameter from whatever tensors hold it.</summary>
    private static void Read(CheckpointMatch match, Parameter parameter, long first, Span<float> chunk)
    {
        var end = first + chunk.Length;
        foreach (var part in match.Map[parameter])
        {
            var from = Math.Max(first, part.FirstElement);
            var to = Math.Min(end, part.FirstElement + part.ElementCount);
            if (from < to)
                match[part.Tensor].ReadFloats(part.TensorElement + from - part.FirstElement, chunk.Slice((int)(from - first), (int)(to - from)));
        }
    }
}
