namespace Sophia.Native.Cpu;

/// <summary>The memory of one work item of <see cref="AttentionForward{TSimd, TVector}"/>, cut from the worker's scratch: rows are pairs of query and head.</summary>
internal readonly unsafe struct AttentionTile
{
    /// <summary>[rows, D].</summary>
    public readonly float* Queries;

    /// <summary>[D, 64].</summary>
    public readonly float* KeysTransposed;

    /// <summary>[64, D].</summary>
    public readonly float* Values;

    /// <summary>[rows, 64].</summary>
    public readonly float* Scores;

    /// <summary>[rows, D], of the present block.</summary>
    public readonly float* Partial;

    /// <summary>[rows, D], of the blocks so far.</summary>
    public readonly float* Sums;

    /// <summary>[16, D].</summary>
    public readonly float* Staging;

    /// <summary>[rows] and sixteen of room, like the five after it.</summary>
    public readonly float* Maximum;
    public readonly float* Sum;
    public readonly float* BlockMaximum;
    public readonly float* BlockSum;
    public readonly float* OldFactor;
    public readonly float* BlockFactor;

    /// <summary>[16]: 0, 1, 2, ...</summary>
    public readonly float* Lanes;

    /// <summary>[rows]: how many keys a row sees.</summary>
    public readonly int* Visible;

    public AttentionTile(WorkerScratch scratch, int rows, int headSize)
    {
        // A whole number of cache lines, with a vector of room.
        nint statistics = (rows + 2 * 16 - 1) / 16 * 16;
        nint total = (nint)rows * headSize * 3 + (nint)Backend.AttentionKeyBlock * headSize * 2 + (nint)rows * Backend.AttentionKeyBlock + (nint)16 * headSize + 7 * statistics + 16;
        float* memory = scratch.GetFloats(ScratchSlot.Operation, total);
        Queries = memory;
        KeysTransposed = Queries + (nint)rows * headSize;
        Values = KeysTransposed + (nint)Backend.AttentionKeyBlock * headSize;
        Scores = Values + (nint)Backend.AttentionKeyBlock * headSize;
        Partial = Scores + (nint)rows * Backend.AttentionKeyBlock;
        Sums = Partial + (nint)rows * headSize;
        Staging = Sums + (nint)rows * headSize;
        Maximum = Staging + (nint)16 * headSize;
        Sum = Maximum + statistics;
        BlockMaximum = Sum + statistics;
        BlockSum = BlockMaximum + statistics;
        OldFactor = BlockSum + statistics;
        BlockFactor = OldFactor + statistics;
        Lanes = BlockFactor + statistics;
        Visible = (int*)(Lanes + 16);
        for (int lane = 0; lane < 16; lane++)
            Lanes[lane] = lane;
    }
}
