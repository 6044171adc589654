using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

// The second launch of a sum over rows (kernels/column_sums.cuh).
public sealed partial class CudaBackend
{
    /// <summary>Columns that one block of add_partial_sums takes; SUM_COLUMNS of the kernel file.</summary>
    private const int SumColumns = 32;

    /// <summary>Memory for the partial sums of one gradient, or of several one after the other.</summary>
    private DeviceView PartialSums(int gradients, int parts, long channels) => Scratch(ScratchSlot.Partials, (long)gradients * parts * channels * sizeof(float));

    /// <summary>Adds the partial sums [parts, C] of one gradient, or of two one after the other, to the gradients. An absent one is left out.</summary>
    /// <param name="launch">Of add_partial_sums in the module of the kernel that made the partial sums.</param>
    /// <param name="first">[C].</param>
    /// <param name="second">[C].</param>
    /// <param name="partials">Of the first, then of the second.</param>
    /// <param name="parts">How many parts.</param>
    /// <param name="channels">C.</param>
    private static void AddPartialSums(Launch launch, DeviceView first, DeviceView second, DeviceView partials, int parts, long channels)
    {
        launch.Add(first);
        launch.Add(second);
        launch.Add(partials);
        launch.Add(parts);
        launch.Add((int)channels);
        launch.Run((channels + SumColumns - 1) / SumColumns, second.IsAbsent ? 1 : 2, 1, 256, 0);
    }
}
