using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>The shared memory that launches give the kernels besides what the compiler sees.</summary>
internal static class DynamicSharedMemory
{
    /// <summary>Columns of the vocabulary for which the head's workspace is stated: that of InternVL3.</summary>
    private const int Vocabulary = 151_674;

    /// <summary>Bytes of a block.</summary>
    public static int Of(KernelSpecialization specialization, string kernel) => kernel switch
    {
        _ => 0,
    };
}
