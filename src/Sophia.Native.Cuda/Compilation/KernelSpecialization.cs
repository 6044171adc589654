namespace Sophia.Native.Cuda.Compilation;

/// <summary>A kernel file with the values of its constants: what is compiled into one module.</summary>
/// <param name="File">The file.</param>
/// <param name="StorageBits">32 for fp32, 16 for bfloat16.</param>
/// <param name="Constant0">Value of the file's first constant.</param>
/// <param name="Constant1">Value of the second.</param>
/// <param name="Constant2">Value of the third.</param>
/// <param name="Constant3">Value of the fourth.</param>
internal readonly record struct KernelSpecialization(KernelFile File, int StorageBits, int Constant0 = 0, int Constant1 = 0, int Constant2 = 0, int Constant3 = 0)
{
    /// <summary>The -D options.</summary>
    public IEnumerable<string> Definitions()
    {
        yield return $"-DSTORAGE_BITS={StorageBits}";
        int[] values = [Constant0, Constant1, Constant2, Constant3];
        for (var i = 0; i < File.Constants.Count; i++)
            yield return $"-D{File.Constants[i]}={values[i]}";
    }

    public override string ToString() => $"{File} {string.Join(' ', Definitions())}";
}
