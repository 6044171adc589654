namespace Sophia.Native.Models.Files;

/// <summary>Writes canonical parameters as a checkpoint folder that transformers or the original code can read: the weights, then config.json.</summary>
public static class CheckpointWriter
{
    /// <summary>Most bytes of a shard where the caller names none: 5 GB, as transformers does.</summary>
    public const long DefaultMaxShardBytes = 5_000_000_000;

    private const int ChunkElements = 1 << 20;

    /// <summary>Writes all parameters and the configuration.</summary>
    /// <param name="folder">The folder; created where missing. Weights of the same file names are replaced.</param>
    /// <param name="config">The model.</param>
    /// <param name="checkpointLayout">Which of the two published layouts.</param>
    /// <param name="saveType">F32, or BF16, which rounds to nearest, ties to even.</param>
    /// <param name="source">Gives the parameters.</param>
    /// <param name="maxShardBytes">Most bytes of data in a file.</param>
    /// <exception cref="ArgumentException">The type is neither F32 nor BF16, or the layout cannot express the configuration.</exception>
    /// <exception cref="IOException">The folder holds other weights, or cannot be written.</exception>
    public static void Write(string folder, InternVLConfig config, CheckpointLayout checkpointLayout, FileElementType saveType, IParameterSource source, long maxShardBytes = DefaultMaxShardBytes) =>
        Write(folder, new ParameterLayout(config), checkpointLayout, saveType, source, maxShardBytes);

    /// <summary>Writes all parameters of an existing layout and its configuration.</summary>
    /// <param name="folder">The folder; created where missing. Weights of the same file names are replaced.</param>
    /// <param name="layout">The parameters.</param>
    /// <param name="checkpointLayout">Which of the two published layouts.</param>
    /// <param name="saveType">F32, or BF16, which rounds to nearest, ties to even.</param>
    /// <param name="source">Gives the parameters.</param>
    /// <param name="maxShardBytes">Most bytes of data in a file.</param>
    /// <exception cref="ArgumentException">The type is neither F32 nor BF16, or the layout cannot express the configuration.</exception>
    /// <exception cref="IOException">The folder holds other weights, or cannot be written.</exception>
    public static void Write(string folder, ParameterLayout layout, CheckpointLayout checkpointLayout, FileElementType saveType, IParameterSource source, long maxShardBytes = DefaultMaxShardBytes)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(source);
        if (saveType is not (FileElementType.F32 or FileElementType.BF16))
            throw new ArgumentException($"Expected F32 or BF16 to save weights in, found {saveType}.", nameof(saveType));
        InternVLConfigWriter.ThrowIfInexpressible(layout.Config, checkpointLayout);
        var map = new CheckpointMap(layout, checkpointLayout);
        var declarations = new List<SafetensorsDeclaration>(map.Tensors.Count);
        foreach (var tensor in map.Tensors) declarations.Add(new SafetensorsDeclaration(tensor.Name, saveType, tensor.Shape));

        // transformers refuses a file that does not say it comes from PyTorch.
        using var writer = SafetensorsFolderWriter.Create(folder, declarations, maxShardBytes, new Dictionary<string, string> { ["format"] = "pt" });
        var buffer = Array.Empty<float>();
        foreach (var tensor in map.Tensors)
        {
            foreach (var part in tensor.Parts) Write(writer, tensor.Name, part, source, ref buffer);
        }
        writer.Commit();
        layout.Config.Write(folder, checkpointLayout, saveType);
    }

    private static void Write(SafetensorsFolderWriter writer, string name, FileTensorPart part, IParameterSource source, ref float[] buffer)
    {
        var parameter = part.Parameter;
        if (parameter.Rows == 1)
        {
            // A part of a vector is not a whole row: read all of it, write the part.
            Reserve(ref buffer, parameter.Columns);
            var vector = buffer.AsSpan(0, parameter.Columns);
            source.Read(parameter, 0, vector);
            writer.WriteFloats(name, vector.Slice((int)part.FirstElement, (int)part.ElementCount));
            return;
        }
        var rowsAtOnce = Math.Clamp(ChunkElements / parameter.Columns, 1, parameter.Rows);
        Reserve(ref buffer, rowsAtOnce * parameter.Columns);
        var end = part.FirstRow + part.RowCount;
        for (var row = part.FirstRow; row < end; row += rowsAtOnce)
        {
            var rows = buffer.AsSpan(0, (int)Math.Min(rowsAtOnce, end - row) * parameter.Columns);
            source.Read(parameter, row, rows);
            writer.WriteFloats(name, rows);
        }
    }

    private static void Reserve(ref float[] buffer, int elements)
    {
        if (buffer.Length < elements) buffer = new float[Math.Max(elements, ChunkElements)];
    }
}
