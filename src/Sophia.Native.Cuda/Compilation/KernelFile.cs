namespace Sophia.Native.Cuda.Compilation;

/// <summary>A file of kernels/ and the names of the constants by which it is specialized besides STORAGE_BITS. Two objects of the same file and constants are equal.</summary>
internal sealed class KernelFile : IEquatable<KernelFile>
{
    /// <summary>How many constants a file can have.</summary>
    public const int MostConstants = 4;

    private readonly int _hash;

    /// <summary>Describes a file.</summary>
    /// <param name="name">Its name without the ending.</param>
    /// <param name="constants">The names of its -D constants, in the order in which a launch gives their values.</param>
    public KernelFile(string name, params string[] constants)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(constants.Length, MostConstants);
        Name = name;
        Constants = constants;
        _hash = name.GetHashCode(StringComparison.Ordinal);
    }

    /// <summary>The file without its ending, such as <c>rmsnorm</c>.</summary>
    public string Name { get; }

    /// <summary>The names of its -D constants, in the order in which a launch gives their values.</summary>
    public IReadOnlyList<string> Constants { get; }

    public bool Equals(KernelFile? other)
    {
        if (ReferenceEquals(this, other))
            return true;
        if (other is null || Name != other.Name || Constants.Count != other.Constants.Count)
            return false;
        for (var i = 0; i < Constants.Count; i++)
        {
            if (Constants[i] != other.Constants[i])
                return false;
        }
        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as KernelFile);

    public override int GetHashCode() => _hash;

    public override string ToString() => $"{Name}.cu";
}
