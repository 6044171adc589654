using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// Attention, forward. A work item is a tile of neighboring queries of one sequence, with all heads that read one key-value head: its rows, position by position
/// and head by head within a position, share the blocks of keys and values.
/// </summary>
/// <remarks>
/// The law of bits, for a row (query and head) and block of 64 keys: score[j] = scale * (chain over d of q[d] * k[j, d]); maximum over the visible keys;
/// p[j] = exp(score[j] - maximum); sum of p in sixteen lanes, j in lane j mod 16; partial[d] = chain over the visible j of p[j] * v[j, d], from 0.
/// The first block's maximum, sum and partial are the row's; each later one is merged: both sides are rescaled to the larger maximum and added. At the end output = partial / sum.
/// None of it depends on the other rows of the tile or on keys the row does not see: chains end at the last visible key, and lanes beyond it are set to minus
/// infinity before the maximum and to 0 before the sum. So prefill, prefill in pieces and decoding agree bitwise, on every path alike, and what lies behind a sequence is never used.
/// 4 * D operations for each visible pair of query and key. Scores never leave the first-level cache.
/// </remarks>
internal static unsafe class AttentionForward<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int KeyBlock = Backend.AttentionKeyBlock;

    /// <summary>Rows of a tile, unless one position alone has more: each tile transposes the keys that it sees.</summary>
    private const int TileRows = 256;

    /// <summary>Rows down to which a tile is cut where there are too few for the workers.</summary>
    private const int SmallestTileRows = 64;

    /// <summary>Work items for each worker that attention is cut into where its size allows.</summary>
    private const int ItemsPerWorker = 4;

    /// <summary>From so many rows on values are first copied together: rows of memory far apart fall on the same lines of the first-level cache, and these rows are read again and again.</summary>
    private const int CopyValuesFrom = 16;

    /// <summary>Keys whose rows are at least this many floats apart are copied together before they are transposed, for the same reason.</summary>
    private const int FarRows = 512;

    public static void Run(WorkerPool pool, in AttentionLayout layout, DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value)
    {
        Call call;
        call.Layout = layout;
        call.Output = (float*)output.Address;
        call.OutputStride = (nint)output.Stride;
        call.LogSumExp = logSumExp.IsAbsent ? null : (float*)logSumExp.Address;
        call.LogSumExpStride = (nint)logSumExp.Stride;
        call.Query = (float*)query.Address;
        call.QueryStride = (nint)query.Stride;
        call.Key = key.Address;
        call.KeyStride = (nint)key.Stride;
        call.Value = value.Address;
        call.IsRounded = key.Type == ElementType.BFloat16;
        call.ValueStride = (nint)value.Stride;
        int rows = TileRows;
        int items;
        do
        {
            call.TilePositions = Math.Max(1, rows / layout.GroupSize);
            call.Tiles = (layout.MaximumQueries + call.TilePositions - 1) / call.TilePositions;
            items = checked(layout.Sequences * layout.KeyValueHeads * call.Tiles);
            rows /= 2;
        }
        while (items < ItemsPerWorker * pool.ThreadCount && rows >= SmallestTileRows);
        pool.Run(&RunItem, &call, items);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunItem(void* context, int index, int workerIndex)
    {
        Call* call = (Call*)context;
        // The last tiles of a sequence see the most keys: they come first, so that no long item is left at the end.
        int tile = call->Tiles - 1 - index % call->Tiles;
        int pair = index / call->Tiles;
        int keyValueHead = pair % call->Layout.KeyValueHeads;
        int sequence = pair / call->Layout.KeyValueHeads;
        int first = tile * call->TilePositions;
        int positions = Math.Min(call->TilePositions, call->Layout.Queries(sequence) - first);
        if (positions > 0)
            Compute(*call, WorkerPool.Current.Scratch(workerIndex), sequence, keyValueHead, first, positions);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compute(in Call call, WorkerScratch scratch, int sequence, int keyValueHead, int firstPosition, int positions)
    {
        int headSize = call.Layout.HeadSize;
        int groupSize = call.Layout.GroupSize;
        int headVectors = headSize / TSimd.Width;
        int rows = positions * groupSize;
        AttentionTile tile = new(scratch, rows, headSize);
        nint queryRow = call.Layout.FirstQuery(sequence) + firstPosition;
        nint headColumn = (nint)keyValueHead * groupSize * headSize;
        BlockProduct<TSimd, TVector>.Copy(tile.Queries, (nint)groupSize * headSize, call.Query + queryRow * call.QueryStride + headColumn, call.QueryStride, positions, groupSize * headSize);
        for (int row = 0; row < rows; row++)
            tile.Visible[row] = call.Layout.VisibleKeys(sequence, firstPosition + row / groupSize);

        int seen = tile.Visible[rows - 1];
        nint firstKey = call.Layout.FirstKey(sequence) * call.KeyStride + (nint)keyValueHead * headSize;
        nint firstValue = call.Layout.FirstKey(sequence) * call.ValueStride + (nint)keyValueHead * headSize;
        int firstRow = 0;
        for (int block = 0; block < seen; block += KeyBlock)
        {
            int keys = Math.Min(KeyBlock, seen - block);
            // Rows see more keys the later they stand; those before firstRow see none of this block.
            while (tile.Visible[firstRow] <= block)
                firstRow++;
            float* blockKeys = (float*)call.Key + firstKey + block * call.KeyStride;
            nint blockKeyStride = call.KeyStride;
            if (call.IsRounded || blockKeyStride >= FarRows)
            {
                CopyRows(tile.Values, call.Key, firstKey + block * call.KeyStride, call.KeyStride, call.IsRounded, keys, headSize);
                blockKeys = tile.Values;
                blockKeyStride = headSize;
            }
            BlockProduct<TSimd, TVector>.Transpose(tile.KeysTransposed, KeyBlock, blockKeys, blockKeyStride, keys, headSize, tile.Staging);
            ComputeScores(tile, block, firstRow, rows, headSize);
            for (int row = firstRow; row < rows; row++)
                Exponentiate(tile.Scores + (nint)row * KeyBlock, tile.Lanes, Math.Min(tile.Visible[row] - block, KeyBlock), call.Layout.Scale, out tile.BlockMaximum[row], out tile.BlockSum[row]);

            float* values = (float*)call.Value + firstValue + block * call.ValueStride;
            nint valueStride = call.ValueStride;
            if (call.IsRounded || rows >= CopyValuesFrom)
            {
                CopyRows(tile.Values, call.Value, firstValue + block * call.ValueStride, call.ValueStride, call.IsRounded, keys, headSize);
                values = tile.Values;
                valueStride = headSize;
            }
            float* partial = block == 0 ? tile.Sums : tile.Partial;
            MultiplyValues(tile, partial, block, firstRow, rows, values, valueStride, headSize);
            if (block == 0)
            {
                for (int row = firstRow; row < rows; row++)
                {
                    tile.Maximum[row] = tile.BlockMaximum[row];
                    tile.Sum[row] = tile.BlockSum[row];
                }
            }
            else
            {
                Merge(tile, firstRow, rows, headVectors);
            }
        }

        for (int row = 0; row < rows; row++)
        {
            nint position = queryRow + row / groupSize;
            int head = row % groupSize;
            float* destination = call.Output + position * call.OutputStride + headColumn + (nint)head * headSize;
            bool sees = tile.Visible[row] > 0;
            TVector sum = TSimd.Create(sees ? tile.Sum[row] : 1f);
            for (int vector = 0; vector < headVectors; vector++)
            {
                TVector numerator = sees ? TSimd.Load(tile.Sums + (nint)row * headSize + vector * TSimd.Width) : TSimd.Zero;
                TSimd.Store(destination + vector * TSimd.Width, TSimd.Divide(numerator, sum));
            }
            if (call.LogSumExp != null)
            {
                call.LogSumExp[position * call.LogSumExpStride + keyValueHead * groupSize + head] =
                    sees ? tile.Maximum[row] + VectorMath<TSimd, TVector>.Log(tile.Sum[row]) : float.NegativeInfinity;
            }
        }
    }

    /// <summary>Rows of keys or values, from an element on, side by side and in single precision.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyRows(float* destination, nint source, nint first, nint stride, bool isRounded, int rows, int headSize)
    {
        if (!isRounded)
        {
            BlockProduct<TSimd, TVector>.Copy(destination, headSize, (float*)source + first, stride, rows, headSize);
            return;
        }
        for (int row = 0; row < rows; row++)
        {
            BFloat16* elements = (BFloat16*)source + first + row * stride;
            for (int column = 0; column < headSize; column += TSimd.Width)
                TSimd.Store(destination + (nint)row * headSize + column, TSimd.Load(elements + column));
        }
    }

    /// <summary>scores = Q * K^T, as many vectors of keys for each row as it sees: rows that see the same number of vectors go together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputeScores(in AttentionTile tile, int block, int firstRow, int rows, int headSize)
    {
        for (int row = firstRow, end; row < rows; row = end)
        {
            int vectors = (Math.Min(tile.Visible[row] - block, KeyBlock) + TSimd.Width - 1) / TSimd.Width;
            end = row + 1;
            while (end < rows && tile.Visible[end] - block <= vectors * TSimd.Width)
                end++;
            if (vectors == KeyBlock / TSimd.Width)
                end = rows;
            BlockProduct<TSimd, TVector>.Multiply(tile.Scores + (nint)row * KeyBlock, KeyBlock, tile.Queries + (nint)row * headSize, headSize, 1, tile.KeysTransposed, KeyBlock,
                end - row, vectors, headSize, false);
        }
    }

    /// <summary>Scores of a row and block become exp(scale * score - maximum), exactly 0 from the first invisible key to the end of its vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Exponentiate(float* scores, float* lanes, int visible, float scale, out float maximum, out float sum)
    {
        TVector scales = TSimd.Create(scale);
        TVector nothing = TSimd.Create(float.NegativeInfinity);
        TVector largest = nothing;
        int whole = visible / TSimd.Width * TSimd.Width;
        for (int j = 0; j < whole; j += TSimd.Width)
        {
            TVector score = TSimd.Multiply(TSimd.Load(scores + j), scales);
            TSimd.Store(scores + j, score);
            largest = TSimd.Max(score, largest);
        }
        TVector mask = TSimd.LessThan(TSimd.Load(lanes), TSimd.Create((float)(visible - whole)));
        if (whole < visible)
        {
            TVector score = TSimd.Select(mask, TSimd.Multiply(TSimd.Load(scores + whole), scales), nothing);
            TSimd.Store(scores + whole, score);
            largest = TSimd.Max(score, largest);
        }
        maximum = TSimd.MaxAcross(largest);

        TVector reference = TSimd.Create(Reference(maximum));
        TVector sums = TSimd.Zero, sumsOfUpperHalf = TSimd.Zero;
        for (int j = 0; j < whole; j += TSimd.Width)
        {
            TVector p = VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(TSimd.Load(scores + j), reference));
            TSimd.Store(scores + j, p);
            // Sixteen lanes on every path: the narrow one keeps the upper eight in vectors of their own.
            if (TSimd.Width < 16 && (j & TSimd.Width) != 0)
                sumsOfUpperHalf = TSimd.Add(sumsOfUpperHalf, p);
            else
                sums = TSimd.Add(sums, p);
        }
        if (whole < visible)
        {
            TVector p = VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(TSimd.Load(scores + whole), reference));
            p = TSimd.Select(mask, p, TSimd.Zero);
            TSimd.Store(scores + whole, p);
            if (TSimd.Width < 16 && (whole & TSimd.Width) != 0)
                sumsOfUpperHalf = TSimd.Add(sumsOfUpperHalf, p);
            else
                sums = TSimd.Add(sums, p);
        }
        sum = TSimd.Sum(TSimd.Add(sums, sumsOfUpperHalf));
    }

    /// <summary>partial = P * V, where every row's chain ends at its last visible key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyValues(in AttentionTile tile, float* partial, int block, int firstRow, int rows, float* values, nint valueStride, int headSize)
    {
        int headVectors = headSize / TSimd.Width;
        int row = firstRow;
        while (row < rows)
        {
            // Rows that see the whole block go together; before them, up to eight go together as far as the first of them sees, then each alone.
            int common = tile.Visible[row] - block;
            int together = common >= KeyBlock || tile.Visible[row] == tile.Visible[rows - 1] ? rows - row : Math.Min(8, rows - row);
            common = Math.Min(common, KeyBlock);
            float* scores = tile.Scores + (nint)row * KeyBlock;
            float* sums = partial + (nint)row * headSize;
            BlockProduct<TSimd, TVector>.Multiply(sums, headSize, scores, KeyBlock, 1, values, valueStride, together, headVectors, common, false);
            for (int i = 0; i < together; i++)
            {
                int rest = Math.Min(tile.Visible[row + i] - block, KeyBlock) - common;
                if (rest > 0)
                    BlockProduct<TSimd, TVector>.Multiply(sums + (nint)i * headSize, headSize, scores + (nint)i * KeyBlock + common, KeyBlock, 1, values + common * valueStride, valueStride, 1, headVectors, rest, true);
            }
            row += together;
        }
    }

    /// <summary>Merges a block into the rows: both sides are rescaled to the larger maximum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Merge(in AttentionTile tile, int firstRow, int rows, int headVectors)
    {
        // The statistics have a vector of room behind the last row.
        for (int row = firstRow; row < rows; row += TSimd.Width)
        {
            TVector old = TSimd.Load(tile.Maximum + row);
            TVector block = TSimd.Load(tile.BlockMaximum + row);
            TVector maximum = TSimd.Max(old, block);
            TVector nothing = TSimd.Create(float.NegativeInfinity);
            TVector reference = TSimd.Select(TSimd.Equal(maximum, nothing), TSimd.Zero, maximum);
            TVector oldFactor = VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(old, reference));
            TVector blockFactor = VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(block, reference));
            TVector sum = TSimd.FusedMultiplyAdd(TSimd.Load(tile.BlockSum + row), blockFactor, TSimd.Multiply(TSimd.Load(tile.Sum + row), oldFactor));
            TSimd.Store(tile.Maximum + row, maximum);
            TSimd.Store(tile.Sum + row, sum);
            TSimd.Store(tile.OldFactor + row, oldFactor);
            TSimd.Store(tile.BlockFactor + row, blockFactor);
        }
        int headSize = headVectors * TSimd.Width;
        for (int row = firstRow; row < rows; row++)
        {
            TVector oldFactor = TSimd.Create(tile.OldFactor[row]);
            TVector blockFactor = TSimd.Create(tile.BlockFactor[row]);
            float* sums = tile.Sums + (nint)row * headSize;
            float* partial = tile.Partial + (nint)row * headSize;
            for (int d = 0; d < headSize; d += TSimd.Width)
                TSimd.Store(sums + d, TSimd.FusedMultiplyAdd(TSimd.Load(partial + d), blockFactor, TSimd.Multiply(TSimd.Load(sums + d), oldFactor)));
        }
    }

    /// <summary>What the exponent is taken relative to: the maximum, or 0 where all scores are minus infinity.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Reference(float maximum) => maximum == float.NegativeInfinity ? 0f : maximum;

    private struct Call
    {
        public AttentionLayout Layout;
        public float* Output;
        public nint OutputStride;
        public float* LogSumExp;
        public nint LogSumExpStride;
        public float* Query;
        public nint QueryStride;
        public nint Key;
        public nint KeyStride;
        public nint Value;
        public nint ValueStride;

        /// <summary>Whether keys and values are stored as BFloat16.</summary>
        public bool IsRounded;
        public int TilePositions;
        public int Tiles;
    }
}
