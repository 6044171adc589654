using ILGPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Attention, backward, with P = exp(scale * q k^T - logSumExp) computed again: dV = P^T dO; dP = dO v^T; dS = P * (dP - delta), delta = sum over D of dO * O; dQ = scale * dS k; dK = scale * dS^T q.
// A row of dQ is a chain over its keys in order; a row of dK and dV a chain over the query heads of its group in order and their queries in order. No atomics, nothing depends on the size of a group.
// Shapes as in the forward pass; delta [N, H] floats. Bound by 10 operations a visible pair and column of a head, 14 with what is computed twice. Where to read first: AttentionBackwardQueryTile.Run.
public sealed partial class IlgpuBackend
{
    /// <summary>Queries that the pass of keys and values takes through shared memory at once.</summary>
    private const int QueryBlock = 16;

    internal readonly struct AttentionDelta<TStored>(Matrix<StoredFloat32> delta, Matrix<TStored> dOutput, Matrix<TStored> output, int headSize) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<StoredFloat32> _delta = delta;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _output = output;
        private readonly int _headSize = headSize;

        public void Apply(long row, int column)
        {
            var sum = 0f;
            for (var d = 0; d < _headSize; d++)
                sum = MathF.FusedMultiplyAdd(_dOutput.Read(row, (long)column * _headSize + d), _output.Read(row, (long)column * _headSize + d), sum);
            _delta.Write(row, column, sum);
        }
    }

    /// <summary>What both passes read.</summary>
    internal readonly struct AttentionGradients<TStored>(Matrix<TStored> dOutput, Matrix<TStored> query, Matrix<TStored> key, Matrix<TStored> value, Matrix<StoredFloat32> logSumExp, Matrix<StoredFloat32> delta,
        SequenceTable sequences, int heads, int keyHeads, float scale)
        where TStored : unmanaged, IStored<TStored>
    {
        public readonly Matrix<TStored> DOutput = dOutput;
        public readonly Matrix<TStored> Query = query;
        public readonly Matrix<TStored> Key = key;
        public readonly Matrix<TStored> Value = value;
        public readonly Matrix<StoredFloat32> LogSumExp = logSumExp;
        public readonly Matrix<StoredFloat32> Delta = delta;
        public readonly SequenceTable Sequences = sequences;
        public readonly int Heads = heads;
        public readonly int KeyHeads = keyHeads;
        public readonly float Scale = scale;
    }

    internal readonly struct AttentionBackwardQueryTile<TStored, THead, TSquare>(Matrix<TStored> dQuery, AttentionGradients<TStored> arguments, int tiles) : IKernel
        where TStored : unmanaged, IStored<TStored>
        where THead : unmanaged, IHeadSize
        where TSquare : unmanaged, ISquare
    {
        private readonly Matrix<TStored> _dQuery = dQuery;
        private readonly AttentionGradients<TStored> _arguments = arguments;
        private readonly int _tiles = tiles;

        public void Run()
        {
            // Values, then keys of a block; queries; dS. The gradients of the output are read where they lie, by all lanes of a row at once: with them a head of 128 would not fit.
            var block = SharedMemory.Allocate<float>(AttentionKeyBlock * (THead.Size + 1));
            var queries = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side / HeadColumns.Lanes * THead.Size);
            var slopes = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side / HeadColumns.Lanes * AttentionKeyBlock);
            var rows = TSquare.Side * TSquare.Side / HeadColumns.Lanes;
            var row = Group.IdxX / HeadColumns.Lanes;
            var lane = Group.IdxX % HeadColumns.Lanes;
            var pitch = THead.Size + 1;
            var items = _arguments.Sequences.Count * _tiles * _arguments.Heads;
            for (var item = Grid.IdxX; item < items; item += Grid.DimX)
            {
                var head = item % _arguments.Heads;
                var firstQuery = item / _arguments.Heads % _tiles * rows;
                var sequence = _arguments.Sequences.At(item / _arguments.Heads / _tiles);
                if (firstQuery >= sequence.Queries)
                    continue;
                var keyColumn = head / (_arguments.Heads / _arguments.KeyHeads) * THead.Size;
                var last = firstQuery + rows < sequence.Queries ? firstQuery + rows : sequence.Queries;
                var mostVisible = sequence.Visible(last - 1);
                var visible = sequence.Visible(firstQuery + row);
                var isThere = firstQuery + row < sequence.Queries;
                var queryRow = (long)sequence.FirstQuery + firstQuery + row;
                for (var column = lane; column < THead.Size; column += HeadColumns.Lanes)
                    queries[row * THead.Size + column] = isThere ? _arguments.Query.Read(queryRow, head * THead.Size + column) : 0f;
                var logSumExp = isThere ? _arguments.LogSumExp.Read(queryRow, head) : 0f;
                var delta = isThere ? _arguments.Delta.Read(queryRow, head) : 0f;
                var result = default(HeadColumns);
                for (var start = 0; start < mostVisible; start += AttentionKeyBlock)
                {
                    KeyBlock.Load<THead, TStored, TSquare>(block, _arguments.Value, sequence, start, keyColumn);
                    Group.Barrier();
                    var dWeights = default(Quad);
                    for (var d = 0; d < THead.Size; d++)
                    {
                        var gradient = isThere ? _arguments.DOutput.Read(queryRow, head * THead.Size + d) : 0f;
                        dWeights = dWeights.Plus(gradient, KeyBlock.Column<THead>(block, lane, d));
                    }
                    Group.Barrier();
                    KeyBlock.Load<THead, TStored, TSquare>(block, _arguments.Key, sequence, start, keyColumn);
                    Group.Barrier();
                    var scores = KeyBlock.Scores<THead>(queries, row, block, lane);
                    var place = row * AttentionKeyBlock + lane;
                    var ownKey = start + lane;
                    slopes[place] = Slope(ownKey < visible, scores.X, dWeights.X, logSumExp, delta);
                    slopes[place + 16] = Slope(ownKey + 16 < visible, scores.Y, dWeights.Y, logSumExp, delta);
                    slopes[place + 32] = Slope(ownKey + 32 < visible, scores.Z, dWeights.Z, logSumExp, delta);
                    slopes[place + 48] = Slope(ownKey + 48 < visible, scores.W, dWeights.W, logSumExp, delta);
                    Group.Barrier();
                    // A row's own blocks alone: what others of its group see changes none of its bits.
                    if (start < visible)
                    {
                        for (var k = 0; k < AttentionKeyBlock; k++)
                            result = result.Plus<THead>(slopes[row * AttentionKeyBlock + k], block, k * pitch + lane);
                    }
                    Group.Barrier();
                }
                if (isThere)
                    result.Write<THead, TStored>(_dQuery, queryRow, head * THead.Size + lane, _arguments.Scale);
            }
        }

        private float Slope(bool isVisible, float score, float dWeight, float logSumExp, float delta) =>
            isVisible ? ScalarMath.Exp(score * _arguments.Scale - logSumExp) * (dWeight - delta) : 0f;
    }

    internal readonly struct AttentionBackwardKeyTile<TStored, THead, TSquare>(Matrix<TStored> dKey, Matrix<TStored> dValue, AttentionGradients<TStored> arguments, int tiles) : IKernel
        where TStored : unmanaged, IStored<TStored>
        where THead : unmanaged, IHeadSize
        where TSquare : unmanaged, ISquare
    {
        private readonly Matrix<TStored> _dKey = dKey;
        private readonly Matrix<TStored> _dValue = dValue;
        private readonly AttentionGradients<TStored> _arguments = arguments;
        private readonly int _tiles = tiles;

        public void Run()
        {
            // Of the group's keys: keys and values. Of a block of queries: queries, gradients of the output, and for each key P and dS.
            var keys = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side / HeadColumns.Lanes * THead.Size);
            var values = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side / HeadColumns.Lanes * THead.Size);
            var queries = SharedMemory.Allocate<float>(QueryBlock * (THead.Size + 1));
            var gradients = SharedMemory.Allocate<float>(QueryBlock * (THead.Size + 1));
            var weights = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side / HeadColumns.Lanes * QueryBlock);
            var slopes = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side / HeadColumns.Lanes * QueryBlock);
            var rows = TSquare.Side * TSquare.Side / HeadColumns.Lanes;
            var row = Group.IdxX / HeadColumns.Lanes;
            var lane = Group.IdxX % HeadColumns.Lanes;
            var pitch = THead.Size + 1;
            var headsOfKey = _arguments.Heads / _arguments.KeyHeads;
            var items = _arguments.Sequences.Count * _tiles * _arguments.KeyHeads;
            for (var item = Grid.IdxX; item < items; item += Grid.DimX)
            {
                var keyHead = item % _arguments.KeyHeads;
                var firstKey = item / _arguments.KeyHeads % _tiles * rows;
                var sequence = _arguments.Sequences.At(item / _arguments.KeyHeads / _tiles);
                if (firstKey >= sequence.Keys)
                    continue;
                var key = firstKey + row;
                var isThere = key < sequence.Keys;
                var keyRow = (long)sequence.FirstKey + key;
                for (var column = lane; column < THead.Size; column += HeadColumns.Lanes)
                {
                    keys[row * THead.Size + column] = isThere ? _arguments.Key.Read(keyRow, keyHead * THead.Size + column) : 0f;
                    values[row * THead.Size + column] = isThere ? _arguments.Value.Read(keyRow, keyHead * THead.Size + column) : 0f;
                }
                var dKeys = default(HeadColumns);
                var dValues = default(HeadColumns);
                var firstBlock = sequence.FirstSeeing(firstKey) / QueryBlock * QueryBlock;
                var ownFirst = sequence.FirstSeeing(key);
                for (var head = keyHead * headsOfKey; head < (keyHead + 1) * headsOfKey; head++)
                {
                    for (var start = firstBlock; start < sequence.Queries; start += QueryBlock)
                    {
                        for (var i = row; i < QueryBlock; i += rows)
                        {
                            var hasQuery = start + i < sequence.Queries;
                            for (var d = lane; d < THead.Size; d += HeadColumns.Lanes)
                            {
                                queries[i * pitch + d] = hasQuery ? _arguments.Query.Read((long)sequence.FirstQuery + start + i, head * THead.Size + d) : 0f;
                                gradients[i * pitch + d] = hasQuery ? _arguments.DOutput.Read((long)sequence.FirstQuery + start + i, head * THead.Size + d) : 0f;
                            }
                        }
                        Group.Barrier();
                        var score = 0f;
                        var dWeight = 0f;
                        for (var d = 0; d < THead.Size; d++)
                        {
                            score = MathF.FusedMultiplyAdd(keys[row * THead.Size + d], queries[lane * pitch + d], score);
                            dWeight = MathF.FusedMultiplyAdd(values[row * THead.Size + d], gradients[lane * pitch + d], dWeight);
                        }
                        var query = start + lane;
                        var isVisible = isThere && key < sequence.Visible(query);
                        var queryRow = (long)sequence.FirstQuery + query;
                        var weight = isVisible ? ScalarMath.Exp(score * _arguments.Scale - _arguments.LogSumExp.Read(queryRow, head)) : 0f;
                        weights[row * QueryBlock + lane] = weight;
                        slopes[row * QueryBlock + lane] = isVisible ? weight * (dWeight - _arguments.Delta.Read(queryRow, head)) : 0f;
                        Group.Barrier();
                        if (isThere && start + QueryBlock > ownFirst)
                        {
                            for (var i = 0; i < QueryBlock; i++)
                            {
                                dValues = dValues.Plus<THead>(weights[row * QueryBlock + i], gradients, i * pitch + lane);
                                dKeys = dKeys.Plus<THead>(slopes[row * QueryBlock + i], queries, i * pitch + lane);
                            }
                        }
                        Group.Barrier();
                    }
                }
                if (isThere)
                {
                    dKeys.Write<THead, TStored>(_dKey, keyRow, keyHead * THead.Size + lane, _arguments.Scale);
                    dValues.Write<THead, TStored>(_dValue, keyRow, keyHead * THead.Size + lane, 1f);
                }
                Group.Barrier();
            }
        }
    }
}
