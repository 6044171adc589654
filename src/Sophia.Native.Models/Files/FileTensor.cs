namespace Sophia.Native.Models.Files;

/// <summary>A tensor of a checkpoint in one layout: its name and shape, and the stretches of canonical parameters that follow each other in it.</summary>
public sealed class FileTensor
{
    internal FileTensor(string name, long[] shape, FileTensorPart[] parts)
    {
        Name = name;
        Shape = Array.AsReadOnly(shape);
        Parts = Array.AsReadOnly(parts);
        foreach (var part in parts) ElementCount += part.ElementCount;
    }

    /// <summary>The name; for the Hugging Face layout in the spelling that transformers writes (<c>language_model.model.*</c>, <c>vision_tower.*</c>).</summary>
    public string Name { get; }

    /// <summary>The dimensions, slowest first.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>What it holds, in the order of the file.</summary>
    public IReadOnlyList<FileTensorPart> Parts { get; }

    /// <summary>Number of elements.</summary>
    public long ElementCount { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {SafetensorsHeader.Describe(Shape)}";
}
