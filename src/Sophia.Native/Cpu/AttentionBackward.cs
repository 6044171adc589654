using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// Attention, backward. A work item is one key-value head of one sequence: no two items write the same rows, so nothing is added atomically and every sum has one order.
/// </summary>
/// <remarks>
/// First delta = sum over D of dO * O of all its rows. Then, block of keys by block of keys, head by head of the group, tile of queries by tile of queries:
/// P = exp(scale * q k^T - logSumExp), 0 where the key is not visible; dV += P^T dO; dP = dO v^T; dS = scale * P * (dP - delta); dQ += dS k; dK += dS^T q.
/// So an element of dQ is one chain over all keys in order, an element of dK or dV one chain over the heads of the group and, within a head, over the queries in order.
/// 10 * D operations for each visible pair of query and key, with a tile's P and dP in the first-level cache.
/// </remarks>
internal static unsafe class AttentionBackward<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int KeyBlock = Backend.AttentionKeyBlock;
    private const int TileQueries = 64;

    /// <summary>Queries or keys that go together on the diagonal.</summary>
    private const int StairStep = 16;

    public static void Run(WorkerPool pool, in AttentionLayout layout, DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key,
        DeviceView value, DeviceView output, DeviceView logSumExp)
    {
        Call call;
        call.Layout = layout;
        call.DQuery = new(dQuery);
        call.DKey = new(dKey);
        call.DValue = new(dValue);
        call.Delta = new(delta);
        call.DOutput = new(dOutput);
        call.Query = new(query);
        call.Key = new(key);
        call.Value = new(value);
        call.Output = new(output);
        call.LogSumExp = new(logSumExp);
        pool.Run(&RunItem, &call, checked(layout.Sequences * layout.KeyValueHeads));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunItem(void* context, int index, int workerIndex)
    {
        Call* call = (Call*)context;
        Compute(*call, WorkerPool.Current.Scratch(workerIndex), index / call->Layout.KeyValueHeads, index % call->Layout.KeyValueHeads);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compute(in Call call, WorkerScratch scratch, int sequence, int keyValueHead)
    {
        AttentionLayout layout = call.Layout;
        int headSize = layout.HeadSize;
        int queries = layout.Queries(sequence);
        int keys = layout.Keys(sequence);
        nint firstQuery = layout.FirstQuery(sequence);
        nint firstKey = layout.FirstKey(sequence);
        nint keyColumn = (nint)keyValueHead * headSize;
        Block block = new(scratch, headSize);
        int blind = keys == 0 ? queries : 0;
        for (int head = keyValueHead * layout.GroupSize; head < (keyValueHead + 1) * layout.GroupSize; head++)
        {
            nint column = (nint)head * headSize;
            for (nint row = firstQuery; row < firstQuery + queries; row++)
                *call.Delta.At(row, head) = Dot(call.DOutput.At(row, column), call.Output.At(row, column), headSize);
            for (nint row = firstQuery; row < firstQuery + blind; row++)
                new Span<float>(call.DQuery.At(row, column), headSize).Clear();
        }

        for (int start = 0; start < keys; start += KeyBlock)
        {
            int blockKeys = Math.Min(KeyBlock, keys - start);
            float* key = call.Key.At(firstKey + start, keyColumn);
            float* value = call.Value.At(firstKey + start, keyColumn);
            BlockProduct<TSimd, TVector>.Copy(block.Keys, headSize, key, call.Key.Stride, blockKeys, headSize);
            BlockProduct<TSimd, TVector>.Transpose(block.KeysTransposed, KeyBlock, key, call.Key.Stride, blockKeys, headSize, block.Staging);
            BlockProduct<TSimd, TVector>.Transpose(block.ValuesTransposed, KeyBlock, value, call.Value.Stride, blockKeys, headSize, block.Staging);
            new Span<float>(block.DKeys, blockKeys * headSize).Clear();
            new Span<float>(block.DValues, blockKeys * headSize).Clear();
            for (int head = keyValueHead * layout.GroupSize; head < (keyValueHead + 1) * layout.GroupSize; head++)
            {
                nint column = (nint)head * headSize;
                for (int first = layout.FirstQueryThatSees(sequence, start); first < queries; first += TileQueries)
                {
                    Tile tile;
                    tile.FirstRow = firstQuery + first;
                    tile.Rows = Math.Min(TileQueries, queries - first);
                    tile.Head = head;
                    tile.Keys = blockKeys;
                    tile.VisibleOfFirst = layout.VisibleKeys(sequence, first) - start;
                    tile.Staircase = layout.Causal && tile.VisibleOfFirst < blockKeys;
                    tile.IsFirstBlock = start == 0;
                    ComputeTile(call, block, tile, column);
                }
            }
            BlockProduct<TSimd, TVector>.Copy(call.DKey.At(firstKey + start, keyColumn), call.DKey.Stride, block.DKeys, headSize, blockKeys, headSize);
            BlockProduct<TSimd, TVector>.Copy(call.DValue.At(firstKey + start, keyColumn), call.DValue.Stride, block.DValues, headSize, blockKeys, headSize);
        }
    }

    /// <summary>
    /// One tile of queries of one head against one block of keys. On the diagonal of a causal sequence every query sees one key more than the one before:
    /// there the products go step by step, each step as far as its last query sees or from the first query that sees its first key.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputeTile(in Call call, in Block block, in Tile tile, nint column)
    {
        int headSize = call.Layout.HeadSize;
        int headVectors = headSize / TSimd.Width;
        float* query = call.Query.At(tile.FirstRow, column);
        float* dOutput = call.DOutput.At(tile.FirstRow, column);
        float* dQuery = call.DQuery.At(tile.FirstRow, column);
        int rowStep = tile.Staircase ? StairStep : tile.Rows;
        for (int first = 0; first < tile.Rows; first += rowStep)
        {
            int rows = Math.Min(rowStep, tile.Rows - first);
            int keys = tile.VisibleKeys(first + rows - 1);
            int keyVectors = (keys + TSimd.Width - 1) / TSimd.Width;
            float* p = block.P + (nint)first * KeyBlock;
            float* dP = block.DP + (nint)first * KeyBlock;
            BlockProduct<TSimd, TVector>.Multiply(p, KeyBlock, query + first * call.Query.Stride, call.Query.Stride, 1, block.KeysTransposed, KeyBlock, rows, keyVectors, headSize, false);
            BlockProduct<TSimd, TVector>.Multiply(dP, KeyBlock, dOutput + first * call.DOutput.Stride, call.DOutput.Stride, 1, block.ValuesTransposed, KeyBlock, rows, keyVectors, headSize, false);
            for (int row = first; row < first + rows; row++)
                Exponentiate(block.P + (nint)row * KeyBlock, block.Lanes, tile.VisibleKeys(row), call.Layout.Scale, *call.LogSumExp.At(tile.FirstRow + row, tile.Head));
        }
        MultiplyByKey(block.DValues, block.P, dOutput, call.DOutput.Stride, tile, headSize);
        for (int row = 0; row < tile.Rows; row++)
            Differentiate(block.P + (nint)row * KeyBlock, block.DP + (nint)row * KeyBlock, tile.VisibleKeys(row), call.Layout.Scale, *call.Delta.At(tile.FirstRow + row, tile.Head));
        for (int first = 0; first < tile.Rows; first += rowStep)
        {
            int rows = Math.Min(rowStep, tile.Rows - first);
            // The first block overwrites: every query that sees a key sees one of it.
            BlockProduct<TSimd, TVector>.Multiply(dQuery + first * call.DQuery.Stride, call.DQuery.Stride, block.P + (nint)first * KeyBlock, KeyBlock, 1, block.Keys, headSize,
                rows, headVectors, tile.VisibleKeys(first + rows - 1), !tile.IsFirstBlock);
        }
        MultiplyByKey(block.DKeys, block.P, query, call.Query.Stride, tile, headSize);
    }

    /// <summary>sums[keys, D] += p^T * values, where values has a row for each query of the tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyByKey(float* sums, float* p, float* values, nint valueStride, in Tile tile, int headSize)
    {
        int keyStep = tile.Staircase ? StairStep : tile.Keys;
        for (int key = 0; key < tile.Keys; key += keyStep)
        {
            int first = tile.FirstRowThatSees(key);
            if (first >= tile.Rows)
                break;
            BlockProduct<TSimd, TVector>.Multiply(sums + (nint)key * headSize, headSize, p + (nint)first * KeyBlock + key, 1, KeyBlock, values + first * valueStride, valueStride,
                Math.Min(keyStep, tile.Keys - key), headSize / TSimd.Width, tile.Rows - first, true);
        }
    }

    /// <summary>Scores of a row and block become exp(scale * score - logSumExp), exactly 0 from the first invisible key to the end of the block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Exponentiate(float* scores, float* lanes, int visible, float scale, float logSumExp)
    {
        TVector scales = TSimd.Create(scale);
        TVector reference = TSimd.Create(logSumExp);
        int key = 0;
        for (; key < visible; key += TSimd.Width)
        {
            TVector p = VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(TSimd.Multiply(TSimd.Load(scores + key), scales), reference));
            if (visible - key < TSimd.Width)
                p = TSimd.Select(TSimd.LessThan(TSimd.Load(lanes), TSimd.Create((float)(visible - key))), p, TSimd.Zero);
            TSimd.Store(scores + key, p);
        }
        for (; key < KeyBlock; key += TSimd.Width)
            TSimd.Store(scores + key, TSimd.Zero);
    }

    /// <summary>P of a row and block becomes dS = P * (dP - delta) * scale; it stays 0 where no key is visible.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Differentiate(float* p, float* dP, int visible, float scale, float delta)
    {
        TVector scales = TSimd.Create(scale);
        TVector deltas = TSimd.Create(delta);
        for (int key = 0; key < visible; key += TSimd.Width)
            TSimd.Store(p + key, TSimd.Multiply(TSimd.Multiply(TSimd.Load(p + key), TSimd.Subtract(TSimd.Load(dP + key), deltas)), scales));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot(float* left, float* right, int length)
    {
        // Sixteen lanes on every path.
        TVector sum = TSimd.Zero, sumOfUpperHalf = TSimd.Zero;
        for (int i = 0; i < length; i += 16)
        {
            sum = TSimd.FusedMultiplyAdd(TSimd.Load(left + i), TSimd.Load(right + i), sum);
            if (TSimd.Width < 16)
                sumOfUpperHalf = TSimd.FusedMultiplyAdd(TSimd.Load(left + i + TSimd.Width), TSimd.Load(right + i + TSimd.Width), sumOfUpperHalf);
        }
        return TSimd.Sum(TSimd.Add(sum, sumOfUpperHalf));
    }

    /// <summary>A Float32 matrix as the work items read it.</summary>
    private readonly struct Matrix(DeviceView view)
    {
        private readonly float* _start = (float*)view.Address;

        public readonly nint Stride = (nint)view.Stride;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float* At(nint row, nint column) => _start + row * Stride + column;
    }

    private struct Call
    {
        public AttentionLayout Layout;
        public Matrix DQuery;
        public Matrix DKey;
        public Matrix DValue;
        public Matrix Delta;
        public Matrix DOutput;
        public Matrix Query;
        public Matrix Key;
        public Matrix Value;
        public Matrix Output;
        public Matrix LogSumExp;
    }

    /// <summary>Queries of one head that meet a block of keys.</summary>
    private struct Tile
    {
        public nint FirstRow;
        public int Rows;
        public int Head;

        /// <summary>Keys of the block.</summary>
        public int Keys;

        /// <summary>How many keys from the start of the block on the first query sees; may go beyond the block.</summary>
        public int VisibleOfFirst;

        /// <summary>Whether the queries see more keys of the block one by one; otherwise all see all.</summary>
        public bool Staircase;
        public bool IsFirstBlock;

        /// <summary>How many keys of the block a row sees.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly int VisibleKeys(int row) => Staircase ? Math.Min(VisibleOfFirst + row, Keys) : Keys;

        /// <summary>The first row that sees a key of the block.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly int FirstRowThatSees(int key) => Staircase ? Math.Max(0, key + 1 - VisibleOfFirst) : 0;
    }

    /// <summary>The memory of one work item, cut from the worker's scratch.</summary>
    private readonly struct Block
    {
        /// <summary>[64, D].</summary>
        public readonly float* Keys;

        /// <summary>[D, 64].</summary>
        public readonly float* KeysTransposed;

        /// <summary>[D, 64].</summary>
        public readonly float* ValuesTransposed;

        /// <summary>[64, D].</summary>
        public readonly float* DKeys;

        /// <summary>[64, D].</summary>
        public readonly float* DValues;

        /// <summary>[rows, 64]: scores, then P, then dS.</summary>
        public readonly float* P;

        /// <summary>[rows, 64].</summary>
        public readonly float* DP;

        /// <summary>[Width, D].</summary>
        public readonly float* Staging;

        /// <summary>[Width]: 0, 1, 2, ...</summary>
        public readonly float* Lanes;

        public Block(WorkerScratch scratch, int headSize)
        {
            nint block = (nint)KeyBlock * headSize;
            nint scores = TileQueries * KeyBlock;
            Keys = scratch.GetFloats(ScratchSlot.Operation, 5 * block + 2 * scores + (nint)TSimd.Width * headSize + TSimd.Width);
            KeysTransposed = Keys + block;
            ValuesTransposed = KeysTransposed + block;
            DKeys = ValuesTransposed + block;
            DValues = DKeys + block;
            P = DValues + block;
            DP = P + scores;
            Staging = DP + scores;
            Lanes = Staging + (nint)TSimd.Width * headSize;
            for (int lane = 0; lane < TSimd.Width; lane++)
                Lanes[lane] = lane;
        }
    }
}
