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
        "attention_backward_key_value" => Attention(specialization).KeyValueGradient.SharedBytes,
        "attention_backward_query" => Attention(specialization).QueryGradient.SharedBytes,
        "attention_forward" => Attention(specialization).Forward.SharedBytes,
        "attention_forward_split" => Attention(specialization).Split.SharedBytes,
        "attention_forward_wide" => Attention(specialization).Wide.SharedBytes,
        _ => 0,
    };

    private static AttentionTiles Attention(KernelSpecialization specialization) => new(specialization.StorageBits == 16 ? ElementType.BFloat16 : ElementType.Float32, specialization.Constant0);
}
