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

    private static void RunItem(void* context, int index, int workerIndex)
    {
        Call* call = (Call*)context;
        Compute(*call, WorkerPool.Current.Scratch(workerIndex), index / call->Layout.KeyValueHeads, index % call->Layout.KeyValueHeads);
    }

    private static void Compute(in Call call, WorkerScratch scratch, int sequence, int keyValueHead)
    {
        AttentionLayout layout = call.Layout;
        int headSize = layout.HeadSize;
        int headVectors = headSize / TSimd.Width;
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
            int keyVectors = (blockKeys + TSimd.Width - 1) / TSimd.Width;
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
                for (int tile = layout.FirstQueryThatSees(sequence, start); tile < queries; tile += TileQueries)
                {
                    int rows = Math.Min(TileQueries, queries - tile);
                    nint row = firstQuery + tile;
                    float* dOutput = call.DOutput.At(row, column);
                    BlockProduct<TSimd, TVector>.Multiply(block.P, KeyBlock, call.Query.At(row, column), call.Query.Stride, 1, block.KeysTransposed, KeyBlock, rows, keyVectors, headSize, false);
                    for (int i = 0; i < rows; i++)
                        Exponentiate(block.P + (nint)i * KeyBlock, block.Lanes, keyVectors, layout.VisibleKeys(sequence, tile + i) - start, layout.Scale, *call.LogSumExp.At(row + i, head));
                    BlockProduct<TSimd, TVector>.Multiply(block.DValues, headSize, block.P, 1, KeyBlock, dOutput, call.DOutput.Stride, blockKeys, headVectors, rows, true);
                    BlockProduct<TSimd, TVector>.Multiply(block.DP, KeyBlock, dOutput, call.DOutput.Stride, 1, block.ValuesTransposed, KeyBlock, rows, keyVectors, headSize, false);
                    for (int i = 0; i < rows; i++)
                        Differentiate(block.P + (nint)i * KeyBlock, block.DP + (nint)i * KeyBlock, keyVectors, layout.Scale, *call.Delta.At(row + i, head));
                    // The first block overwrites: every query that sees a key sees one of it.
                    BlockProduct<TSimd, TVector>.Multiply(call.DQuery.At(row, column), call.DQuery.Stride, block.P, KeyBlock, 1, block.Keys, headSize, rows, headVectors, blockKeys, start > 0);
                    BlockProduct<TSimd, TVector>.Multiply(block.DKeys, headSize, block.P, 1, KeyBlock, call.Query.At(row, column), call.Query.Stride, blockKeys, headVectors, rows, true);
                }
            }
            BlockProduct<TSimd, TVector>.Copy(call.DKey.At(firstKey + start, keyColumn), call.DKey.Stride, block.DKeys, headSize, blockKeys, headSize);
            BlockProduct<TSimd, TVector>.Copy(call.DValue.At(firstKey + start, keyColumn), call.DValue.Stride, block.DValues, headSize, blockKeys, headSize);
        }
    }

    /// <summary>Scores of a row and block become exp(scale * score - logSumExp), exactly 0 for invisible keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Exponentiate(float* scores, float* lanes, int vectors, int visible, float scale, float logSumExp)
    {
        TVector scales = TSimd.Create(scale);
        TVector reference = TSimd.Create(logSumExp);
        for (int vector = 0; vector < vectors; vector++)
        {
            TVector p = VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(TSimd.Multiply(TSimd.Load(scores), scales), reference));
            if (visible < TSimd.Width)
                p = TSimd.Select(TSimd.LessThan(TSimd.Load(lanes), TSimd.Create((float)visible)), p, TSimd.Zero);
            TSimd.Store(scores, p);
            scores += TSimd.Width;
            visible -= TSimd.Width;
        }
    }

    /// <summary>P of a row and block becomes dS = P * (dP - delta) * scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Differentiate(float* p, float* dP, int vectors, float scale, float delta)
    {
        TVector scales = TSimd.Create(scale);
        TVector deltas = TSimd.Create(delta);
        for (int vector = 0; vector < vectors; vector++)
        {
            TSimd.Store(p, TSimd.Multiply(TSimd.Multiply(TSimd.Load(p), TSimd.Subtract(TSimd.Load(dP), deltas)), scales));
            p += TSimd.Width;
            dP += TSimd.Width;
        }
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
