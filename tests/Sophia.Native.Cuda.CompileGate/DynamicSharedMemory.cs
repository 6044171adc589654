using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>The shared memory that launches give the kernels besides what the compiler sees.</summary>
internal static class DynamicSharedMemory
{
    /// <summary>Columns of the vocabulary for which the head's workspace is stated: InternVL3's.</summary>
    private const int Vocabulary = 151_674;

    /// <summary>Bytes of a block.</summary>
    public static int Of(KernelSpecialization specialization, string kernel)
    {
        var storage = specialization.StorageBits == 16 ? ElementType.BFloat16 : ElementType.Float32;
        return specialization.File.Name switch
        {
            "linear" => LinearTileOf(storage, specialization).SharedBytes,
            "attention" => AttentionBytes(new(storage, specialization.Constant0), kernel),
            "head" when kernel is "head_statistics" or "head_objective" => CudaBackend.StatisticsBytes(Vocabulary),
            _ => 0,
        };
    }

    private static LinearTile LinearTileOf(ElementType storage, KernelSpecialization specialization)
    {
        foreach (var tile in LinearTile.Of(storage, (LinearProduct)specialization.Constant0, specialization.Constant3 == 1))
        {
            if (tile.Rows == specialization.Constant1 && tile.Columns == specialization.Constant2)
                return tile;
        }
        throw new InvalidOperationException($"{specialization} has no tile.");
    }

    private static int AttentionBytes(AttentionTiles tiles, string kernel) => kernel switch
    {
        "attention_forward" => tiles.Forward.SharedBytes,
        "attention_forward_wide" => tiles.Wide.SharedBytes,
        "attention_forward_split" => tiles.Split.SharedBytes,
        "attention_backward_key_value" => tiles.KeyValueGradient.SharedBytes,
        "attention_backward_query" => tiles.QueryGradient.SharedBytes,
        _ => 0,
    };
}
