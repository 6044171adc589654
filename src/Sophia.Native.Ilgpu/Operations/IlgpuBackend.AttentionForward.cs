using ILGPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Attention, forward: S = scale * q k^T over the visible keys, P = softmax(S), output = P v, logSumExp = log sum exp(S).
// output, query [N, H * D], key, value [M, K * D] in storage, logSumExp [N, H] floats. The keys of a sequence are taken in blocks of 64 from its start; each block has its own maximum, sum and product with v,
// which are merged left to right: a query's result does not depend on the other rows of its group.
// Bound by 4 operations a visible pair and column of a head. A block of keys, then of values, goes through shared memory and serves all rows of the group.
public sealed partial class IlgpuBackend
{
    internal readonly struct AttentionForwardTile<TStored, THead, TSquare>(Matrix<TStored> output, Matrix<StoredFloat32> logSumExp, int savesSums, Matrix<TStored> query, Matrix<TStored> key, Matrix<TStored> value,
        SequenceTable sequences, int tiles, int heads, int keyHeads, float scale) : IKernel
        where TStored : unmanaged, IStored<TStored>
        where THead : unmanaged, IHeadSize
        where TSquare : unmanaged, ISquare
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<StoredFloat32> _logSumExp = logSumExp;
        private readonly int _savesSums = savesSums;
        private readonly Matrix<TStored> _query = query;
        private readonly Matrix<TStored> _key = key;
        private readonly Matrix<TStored> _value = value;
        private readonly SequenceTable _sequences = sequences;
        private readonly int _tiles = tiles;
        private readonly int _heads = heads;
        private readonly int _keyHeads = keyHeads;
        private readonly float _scale = scale;

        public void Run()
        {
            // Keys, then values of a block; queries; the largest score of each lane; weights.
            var rows = TSquare.Side * TSquare.Side / HeadColumns.Lanes;
            var block = SharedMemory.Allocate<float>(AttentionKeyBlock * (THead.Size + 1));
            var queries = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side / HeadColumns.Lanes * THead.Size);
            var maxima = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side);
            var weights = SharedMemory.Allocate<float>(TSquare.Side * TSquare.Side / HeadColumns.Lanes * AttentionKeyBlock);
            var row = Group.IdxX / HeadColumns.Lanes;
            var lane = Group.IdxX % HeadColumns.Lanes;
            var pitch = THead.Size + 1;
            var items = _sequences.Count * _tiles * _heads;
            for (var item = Grid.IdxX; item < items; item += Grid.DimX)
            {
                var head = item % _heads;
                var firstQuery = item / _heads % _tiles * rows;
                var sequence = _sequences.At(item / _heads / _tiles);
                if (firstQuery >= sequence.Queries)
                    continue;
                var keyColumn = head / (_heads / _keyHeads) * THead.Size;
                var last = firstQuery + rows < sequence.Queries ? firstQuery + rows : sequence.Queries;
                var mostVisible = sequence.Visible(last - 1);
                var visible = sequence.Visible(firstQuery + row);
                var isThere = firstQuery + row < sequence.Queries;
                var queryRow = (long)sequence.FirstQuery + firstQuery + row;
                for (var column = lane; column < THead.Size; column += HeadColumns.Lanes)
                    queries[row * THead.Size + column] = isThere ? _query.Read(queryRow, head * THead.Size + column) : 0f;
                var maximum = float.NegativeInfinity;
                var sum = 0f;
                var result = default(HeadColumns);
                for (var start = 0; start < mostVisible; start += AttentionKeyBlock)
                {
                    KeyBlock.Load<THead, TStored, TSquare>(block, _key, sequence, start, keyColumn);
                    Group.Barrier();
                    var own = KeyBlock.Scores<THead>(queries, row, block, lane);
                    var place = row * AttentionKeyBlock + lane;
                    var ownKey = start + lane;
                    own = new(Score(ownKey < visible, own.X), Score(ownKey + 16 < visible, own.Y), Score(ownKey + 32 < visible, own.Z), Score(ownKey + 48 < visible, own.W));
                    maxima[Group.IdxX] = Larger(Larger(own.X, own.Y), Larger(own.Z, own.W));
                    Group.Barrier();
                    KeyBlock.Load<THead, TStored, TSquare>(block, _value, sequence, start, keyColumn);
                    var blockMaximum = float.NegativeInfinity;
                    for (var other = 0; other < HeadColumns.Lanes; other++)
                        blockMaximum = Larger(blockMaximum, maxima[row * HeadColumns.Lanes + other]);
                    weights[place] = ownKey < visible ? ScalarMath.Exp(own.X - blockMaximum) : 0f;
                    weights[place + 16] = ownKey + 16 < visible ? ScalarMath.Exp(own.Y - blockMaximum) : 0f;
                    weights[place + 32] = ownKey + 32 < visible ? ScalarMath.Exp(own.Z - blockMaximum) : 0f;
                    weights[place + 48] = ownKey + 48 < visible ? ScalarMath.Exp(own.W - blockMaximum) : 0f;
                    Group.Barrier();
                    if (start < visible)
                    {
                        var blockSum = 0f;
                        var blockResult = default(HeadColumns);
                        for (var k = 0; k < AttentionKeyBlock; k++)
                        {
                            var weight = weights[row * AttentionKeyBlock + k];
                            blockSum += weight;
                            blockResult = blockResult.Plus<THead>(weight, block, k * pitch + lane);
                        }
                        var merged = blockMaximum > maximum ? blockMaximum : maximum;
                        var factor = ScalarMath.Exp(maximum - merged);
                        var blockFactor = ScalarMath.Exp(blockMaximum - merged);
                        sum = MathF.FusedMultiplyAdd(blockSum, blockFactor, sum * factor);
                        result = result.Merge(factor, blockResult, blockFactor);
                        maximum = merged;
                    }
                    Group.Barrier();
                }
                if (!isThere)
                    continue;
                result.Write<THead, TStored>(_output, queryRow, head * THead.Size + lane, visible > 0 ? 1f / sum : 0f);
                if (_savesSums != 0 && lane == 0)
                    _logSumExp.Write(queryRow, head, visible > 0 ? maximum + ScalarMath.Log(sum) : float.NegativeInfinity);
            }
        }

        private float Score(bool isVisible, float product) => isVisible ? product * _scale : float.NegativeInfinity;

        private static float Larger(float left, float right) => right > left ? right : left;
    }
}
