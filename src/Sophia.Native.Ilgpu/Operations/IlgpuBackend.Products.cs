using ILGPU;
using ILGPU.Runtime.CPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// The matrix product of the linear layers and of the head: result[i, j] = start + sum over k of first[i, k] * second[j, k] (+ bias[j]), start 0 or the old result, both operands in either order.
// An element is one chain of fused multiply-adds over k in order, whatever the tile and the number of rows: so both kernels and all group sizes give the same bits.
//   ProductTile  a group of S x S threads computes 4S x 4S elements, 4 x 4 in the registers of a thread; pieces of both operands go through shared memory.
//   ProductDirect the same 4 x 4 elements of a thread without shared memory: for the CPU accelerator, where a barrier costs more than the reads that it saves.
//   ProductRows  up to 4 rows (decoding): a thread has one column of the result, and the weight is read once.
// Bound by 2 operations an element and k; ProductTile needs 8 reads of shared memory for 16 fused multiply-adds. ProductRows is bound by the bytes of the weight. Where to read first: ProductTile.Run.
public sealed partial class IlgpuBackend
{
    /// <summary>Floats of shared memory for a piece of an operand: depth x (tile + 1), the odd pitch so that neighbors along either axis are in different banks.</summary>
    private const int PieceFloats = 64 * (16 + 1);

    private const int RowsTile = 4;
    private const int RowsDepth = 32;

    /// <summary>The most threads of a group of ProductRows, which shared memory must hold a piece for.</summary>
    private const int RowsThreads = 64;

    /// <summary>The operand whose rows are those of a view.</summary>
    private Operand<TStored> RowsOf<TStored>(DeviceView view)
        where TStored : unmanaged, IStored<TStored> => new(Elements<TStored>(view), view.Stride, 1);

    /// <summary>The operand whose rows are the columns of a view.</summary>
    private Operand<TStored> ColumnsOf<TStored>(DeviceView view)
        where TStored : unmanaged, IStored<TStored> => new(Elements<TStored>(view), 1, view.Stride);

    /// <summary>All rows of a launch.</summary>
    private RowCount AllRows(long rows) => new(Elements<int>(default), -1, checked((int)rows));

    /// <summary>Launches a product.</summary>
    /// <param name="result">[I, J], of TResult.</param>
    /// <param name="first">[I, K].</param>
    /// <param name="second">[J, K].</param>
    /// <param name="bias">[J], of TSecond, or absent.</param>
    /// <param name="accumulate">Whether the sums begin with the old result.</param>
    /// <param name="rows">How many of the rows of the result there are.</param>
    /// <param name="depths">How many of K there are.</param>
    /// <param name="operation">The operation, for messages.</param>
    private void Multiply<TFirst, TSecond, TResult>(DeviceView result, in Operand<TFirst> first, in Operand<TSecond> second, DeviceView bias, bool accumulate, RowCount rows, RowCount depths, string operation)
        where TFirst : unmanaged, IStored<TFirst>
        where TSecond : unmanaged, IStored<TSecond>
        where TResult : unmanaged, IStored<TResult>
    {
        if (result.Length == 0)
            return;
        var columns = checked((int)result.Columns);
        var arguments = new ProductArguments<TFirst, TSecond, TResult>(Of<TResult>(result), first, second, Of<TSecond>(bias), bias.IsAbsent ? 0 : 1, accumulate ? 1 : 0, rows, depths, columns);
        if (_avoidsBarriers)
        {
            Launch(new ProductDirect<TFirst, TSecond, TResult>(arguments), MostGroups, 1, GroupSize, operation);
            return;
        }
        if (result.Rows <= RowsTile)
        {
            var threads = Math.Min(GroupSize, RowsThreads);
            Launch(new ProductRows<TFirst, TSecond, TResult>(arguments), Math.Min(BlocksOf(columns, threads), MostTiles), 1, threads, operation);
            return;
        }
        switch (GroupSize)
        {
            case >= 256:
                Launch(new ProductTile<TFirst, TSecond, TResult, Square16>(arguments), Tiles(result, 64), 1, 256, operation);
                break;
            case >= 64:
                Launch(new ProductTile<TFirst, TSecond, TResult, Square8>(arguments), Tiles(result, 32), 1, 64, operation);
                break;
            default:
                Launch(new ProductTile<TFirst, TSecond, TResult, Square4>(arguments), Tiles(result, 16), 1, 16, operation);
                break;
        }
    }

    /// <summary>Groups of a launch whose work is tiles: one for each, but where groups follow each other anyway a few that go on.</summary>
    private long MostTiles => _accelerator is CPUAccelerator ? MostGroups : int.MaxValue;

    private long Tiles(DeviceView result, int side) => Math.Min(BlocksOf(result.Rows, side) * BlocksOf(result.Columns, side), MostTiles);

    private static long BlocksOf(long count, long size) => (count + size - 1) / size;

    internal readonly struct ProductArguments<TFirst, TSecond, TResult>(Matrix<TResult> result, Operand<TFirst> first, Operand<TSecond> second, Matrix<TSecond> bias, int hasBias, int accumulates,
        RowCount rows, RowCount depth, int columns)
        where TFirst : unmanaged, IStored<TFirst>
        where TSecond : unmanaged, IStored<TSecond>
        where TResult : unmanaged, IStored<TResult>
    {
        public readonly Matrix<TResult> Result = result;
        public readonly Operand<TFirst> First = first;
        public readonly Operand<TSecond> Second = second;
        public readonly RowCount Rows = rows;
        public readonly RowCount Depth = depth;
        public readonly int Columns = columns;
        private readonly Matrix<TSecond> _bias = bias;
        private readonly int _hasBias = hasBias;
        private readonly int _accumulates = accumulates;

        /// <summary>What the sum of an element begins with.</summary>
        public float Start(int row, int column, int rows) => _accumulates != 0 && row < rows && column < Columns ? Result.Read(row, column) : 0f;

        public void Store(int row, int column, int rows, float sum)
        {
            if (row < rows && column < Columns)
                Result.Write(row, column, _hasBias != 0 ? sum + _bias.Read(column) : sum);
        }
    }

    internal readonly struct ProductTile<TFirst, TSecond, TResult, TSquare>(ProductArguments<TFirst, TSecond, TResult> arguments) : IKernel
        where TFirst : unmanaged, IStored<TFirst>
        where TSecond : unmanaged, IStored<TSecond>
        where TResult : unmanaged, IStored<TResult>
        where TSquare : unmanaged, ISquare
    {
        private readonly ProductArguments<TFirst, TSecond, TResult> _arguments = arguments;

        public void Run()
        {
            var first = SharedMemory.Allocate<float>(PieceFloats);
            var second = SharedMemory.Allocate<float>(PieceFloats);
            var side = TSquare.Side;
            var tile = 4 * side;
            var pieceDepth = 1024 / tile;
            var pitch = tile + 1;
            var down = Group.IdxX / side;
            var across = Group.IdxX % side;
            var rows = _arguments.Rows.Value;
            var depth = _arguments.Depth.Value;
            var isFirstAdjacent = _arguments.First.IsDepthAdjacent;
            var isSecondAdjacent = _arguments.Second.IsDepthAdjacent;
            var tilesAcross = (_arguments.Columns + tile - 1) / tile;
            var tiles = (rows + tile - 1) / tile * tilesAcross;
            for (var index = Grid.IdxX; index < tiles; index += Grid.DimX)
            {
                var firstRow = index / tilesAcross * tile;
                var firstColumn = index % tilesAcross * tile;
                var row = firstRow + down;
                var column = firstColumn + across;
                var sums0 = Start(row, column, rows);
                var sums1 = Start(row + side, column, rows);
                var sums2 = Start(row + 2 * side, column, rows);
                var sums3 = Start(row + 3 * side, column, rows);
                for (var start = 0; start < depth; start += pieceDepth)
                {
                    // Where the operand's depth is adjacent, neighboring threads read along it, else along its rows.
                    for (var i = Group.IdxX; i < 1024; i += side * side)
                    {
                        var k = isFirstAdjacent ? i % pieceDepth : i / tile;
                        var line = isFirstAdjacent ? i / pieceDepth : i % tile;
                        first[k * pitch + line] = start + k < depth && firstRow + line < rows ? _arguments.First.Read(firstRow + line, start + k) : 0f;
                        k = isSecondAdjacent ? i % pieceDepth : i / tile;
                        line = isSecondAdjacent ? i / pieceDepth : i % tile;
                        second[k * pitch + line] = start + k < depth && firstColumn + line < _arguments.Columns ? _arguments.Second.Read(firstColumn + line, start + k) : 0f;
                    }
                    Group.Barrier();
                    var count = depth - start < pieceDepth ? depth - start : pieceDepth;
                    for (var k = 0; k < count; k++)
                    {
                        var at = k * pitch + across;
                        var right = new Quad(second[at], second[at + side], second[at + 2 * side], second[at + 3 * side]);
                        at = k * pitch + down;
                        sums0 = sums0.Plus(first[at], right);
                        sums1 = sums1.Plus(first[at + side], right);
                        sums2 = sums2.Plus(first[at + 2 * side], right);
                        sums3 = sums3.Plus(first[at + 3 * side], right);
                    }
                    Group.Barrier();
                }
                Store(row, column, rows, sums0);
                Store(row + side, column, rows, sums1);
                Store(row + 2 * side, column, rows, sums2);
                Store(row + 3 * side, column, rows, sums3);
            }
        }

        private Quad Start(int row, int column, int rows)
        {
            var side = TSquare.Side;
            return new(_arguments.Start(row, column, rows), _arguments.Start(row, column + side, rows), _arguments.Start(row, column + 2 * side, rows), _arguments.Start(row, column + 3 * side, rows));
        }

        private void Store(int row, int column, int rows, Quad sums)
        {
            var side = TSquare.Side;
            _arguments.Store(row, column, rows, sums.X);
            _arguments.Store(row, column + side, rows, sums.Y);
            _arguments.Store(row, column + 2 * side, rows, sums.Z);
            _arguments.Store(row, column + 3 * side, rows, sums.W);
        }
    }

    internal readonly struct ProductDirect<TFirst, TSecond, TResult>(ProductArguments<TFirst, TSecond, TResult> arguments) : IKernel
        where TFirst : unmanaged, IStored<TFirst>
        where TSecond : unmanaged, IStored<TSecond>
        where TResult : unmanaged, IStored<TResult>
    {
        private readonly ProductArguments<TFirst, TSecond, TResult> _arguments = arguments;

        public void Run()
        {
            var rows = _arguments.Rows.Value;
            var depth = _arguments.Depth.Value;
            var tilesAcross = (_arguments.Columns + 3) / 4;
            var tiles = (rows + 3) / 4 * tilesAcross;
            for (var index = Grid.IdxX * Group.DimX + Group.IdxX; index < tiles; index += Grid.DimX * Group.DimX)
            {
                var row = index / tilesAcross * 4;
                var column = index % tilesAcross * 4;
                var sums0 = Start(row, column, rows);
                var sums1 = Start(row + 1, column, rows);
                var sums2 = Start(row + 2, column, rows);
                var sums3 = Start(row + 3, column, rows);
                // Behind the last row and column the last one is read again; its sums go nowhere.
                var row1 = Bounded(row + 1, rows);
                var row2 = Bounded(row + 2, rows);
                var row3 = Bounded(row + 3, rows);
                var column1 = Bounded(column + 1, _arguments.Columns);
                var column2 = Bounded(column + 2, _arguments.Columns);
                var column3 = Bounded(column + 3, _arguments.Columns);
                for (var k = 0; k < depth; k++)
                {
                    var right = new Quad(_arguments.Second.Read(column, k), _arguments.Second.Read(column1, k), _arguments.Second.Read(column2, k), _arguments.Second.Read(column3, k));
                    sums0 = sums0.Plus(_arguments.First.Read(row, k), right);
                    sums1 = sums1.Plus(_arguments.First.Read(row1, k), right);
                    sums2 = sums2.Plus(_arguments.First.Read(row2, k), right);
                    sums3 = sums3.Plus(_arguments.First.Read(row3, k), right);
                }
                Store(row, column, rows, sums0);
                Store(row + 1, column, rows, sums1);
                Store(row + 2, column, rows, sums2);
                Store(row + 3, column, rows, sums3);
            }
        }

        private static int Bounded(int index, int count) => index < count ? index : count - 1;

        private Quad Start(int row, int column, int rows) =>
            new(_arguments.Start(row, column, rows), _arguments.Start(row, column + 1, rows), _arguments.Start(row, column + 2, rows), _arguments.Start(row, column + 3, rows));

        private void Store(int row, int column, int rows, Quad sums)
        {
            _arguments.Store(row, column, rows, sums.X);
            _arguments.Store(row, column + 1, rows, sums.Y);
            _arguments.Store(row, column + 2, rows, sums.Z);
            _arguments.Store(row, column + 3, rows, sums.W);
        }
    }

    internal readonly struct ProductRows<TFirst, TSecond, TResult>(ProductArguments<TFirst, TSecond, TResult> arguments) : IKernel
        where TFirst : unmanaged, IStored<TFirst>
        where TSecond : unmanaged, IStored<TSecond>
        where TResult : unmanaged, IStored<TResult>
    {
        private readonly ProductArguments<TFirst, TSecond, TResult> _arguments = arguments;

        public void Run()
        {
            var first = SharedMemory.Allocate<float>(RowsTile * RowsDepth);
            var second = SharedMemory.Allocate<float>(RowsThreads * (RowsDepth + 1));
            var threads = Group.DimX;
            var rows = _arguments.Rows.Value;
            var depth = _arguments.Depth.Value;
            for (var firstColumn = Grid.IdxX * threads; firstColumn < _arguments.Columns; firstColumn += Grid.DimX * threads)
            {
                var column = firstColumn + Group.IdxX;
                var sums = new Quad(_arguments.Start(0, column, rows), _arguments.Start(1, column, rows), _arguments.Start(2, column, rows), _arguments.Start(3, column, rows));
                for (var start = 0; start < depth; start += RowsDepth)
                {
                    for (var i = Group.IdxX; i < RowsTile * RowsDepth; i += threads)
                    {
                        var (line, k) = (i / RowsDepth, i % RowsDepth);
                        // Row after row of one k, so that a thread reads its four factors side by side.
                        first[k * RowsTile + line] = start + k < depth && line < rows ? _arguments.First.Read(line, start + k) : 0f;
                    }
                    var isAdjacent = _arguments.Second.IsDepthAdjacent;
                    for (var i = Group.IdxX; i < threads * RowsDepth; i += threads)
                    {
                        var k = isAdjacent ? i % RowsDepth : i / threads;
                        var line = isAdjacent ? i / RowsDepth : i % threads;
                        second[line * (RowsDepth + 1) + k] = start + k < depth && firstColumn + line < _arguments.Columns ? _arguments.Second.Read(firstColumn + line, start + k) : 0f;
                    }
                    Group.Barrier();
                    var count = depth - start < RowsDepth ? depth - start : RowsDepth;
                    for (var k = 0; k < count; k++)
                    {
                        var at = k * RowsTile;
                        sums = sums.Plus(second[Group.IdxX * (RowsDepth + 1) + k], new Quad(first[at], first[at + 1], first[at + 2], first[at + 3]));
                    }
                    Group.Barrier();
                }
                _arguments.Store(0, column, rows, sums.X);
                _arguments.Store(1, column, rows, sums.Y);
                _arguments.Store(2, column, rows, sums.Z);
                _arguments.Store(3, column, rows, sums.W);
            }
        }
    }
}
