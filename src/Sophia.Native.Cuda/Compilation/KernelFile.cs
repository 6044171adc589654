namespace Sophia.Native.Cuda.Compilation;

/// <summary>A file of kernels/ and the names of the constants by which it is specialized besides STORAGE_BITS.</summary>
internal sealed class KernelFile
{
    public KernelFile(string name, params string[] constants)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(constants.Length, 4);
        Name = name;
        Constants = constants;
    }

    /// <summary>The file without its ending, such as <c>rmsnorm</c>.</summary>
    public string Name { get; }

    /// <summary>The names of its -D constants, in the order in which a launch gives their values.</summary>
    public IReadOnlyList<string> Constants { get; }

    public override string ToString() => $"{Name}.cu";
}
