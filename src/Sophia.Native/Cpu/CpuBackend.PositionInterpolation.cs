using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// The position table on another grid, bicubic (Keys' kernel with a = -0.75). Bound by operations: 32 per element; a table is small and made once a step.
// Where to read first: BicubicTaps. Backward, output rows meet in rows of the table: every block of columns walks all output rows in their order.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth)
    {
        var resized = Stage(output);
        RowLoop.Run(_path, _pool, new InterpolationForwardRow(resized, Widen(positions), gridHeight, gridWidth), resized.Rows, resized.Columns * BicubicTaps.Count);
        Settle(output, resized);
    }

    /// <inheritdoc/>
    protected override void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        var blocks = (dOutput.Columns + ScatterColumns - 1) / ScatterColumns;
        RowLoop.Run(_path, _pool, new InterpolationBackwardBlock(dPositions, dOutput, gridHeight, gridWidth), blocks, dOutput.Rows * BicubicTaps.Count * ScatterColumns);
    }

    private static int GridOf(DeviceView positions) => (int)Math.Sqrt(positions.Rows - 1);

    /// <summary>The rows of the position table from which a point of the new grid is taken, and their weights. Computed in double: the weights are the same on every path and machine.</summary>
    private struct BicubicTaps
    {
        public const int Count = 16;
        private const double A = -0.75;

        public fixed float Weights[Count];
        public fixed int Rows[Count];

        public void Locate(nint y, nint x, nint height, nint width, int grid)
        {
            var fromY = (y + 0.5) * grid / height - 0.5;
            var fromX = (x + 0.5) * grid / width - 0.5;
            var firstY = Math.Floor(fromY) - 1;
            var firstX = Math.Floor(fromX) - 1;
            for (var i = 0; i < 4; i++)
            {
                for (var j = 0; j < 4; j++)
                {
                    var row = (int)Math.Clamp(firstY + i, 0, grid - 1);
                    var column = (int)Math.Clamp(firstX + j, 0, grid - 1);
                    Rows[4 * i + j] = 1 + row * grid + column;
                    Weights[4 * i + j] = (float)(Kernel(fromY - (firstY + i)) * Kernel(fromX - (firstX + j)));
                }
            }
        }

        private static double Kernel(double distance)
        {
            var d = Math.Abs(distance);
            return d <= 1 ? ((A + 2) * d - (A + 3)) * d * d + 1 : ((A * d - 5 * A) * d + 8 * A) * d - 4 * A;
        }
    }

    private readonly struct InterpolationForwardRow(DeviceView output, DeviceView positions, int gridHeight, int gridWidth) : IRowOperator
    {
        private readonly RowCursor _output = new(output);
        private readonly RowCursor _positions = new(positions);
        private readonly int _grid = GridOf(positions);
        private readonly nint _gridHeight = gridHeight;
        private readonly nint _gridWidth = gridWidth;
        private readonly nint _columns = (nint)output.Columns;

        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            if (row == 0)
            {
                RowCursor.Copy(_output.At(0), _positions.At(0), _columns);
                return;
            }
            BicubicTaps taps;
            Unsafe.SkipInit(out taps);
            var (y, x) = Math.DivRem(row - 1, _gridWidth);
            taps.Locate(y, x, _gridHeight, _gridWidth, _grid);
            var vector = new InterpolationForwardVector(_output.At(row), _positions, &taps);
            ElementwiseLoop.RunRow<InterpolationForwardVector, TSimd, TVector>(ref vector, 0, _columns);
        }
    }

    private readonly struct InterpolationForwardVector(float* output, RowCursor positions, BicubicTaps* taps) : IVectorOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var sum = TSimd.Zero;
            for (var tap = 0; tap < BicubicTaps.Count; tap++)
                sum = TSimd.FusedMultiplyAdd(TSimd.Create(taps->Weights[tap]), lanes.Load<TSimd, TVector>(positions.At(taps->Rows[tap]) + column), sum);
            lanes.Store<TSimd, TVector>(output + column, sum);
        }
    }

    /// <summary>The row number is that of a block of columns.</summary>
    private readonly struct InterpolationBackwardBlock(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth) : IRowOperator
    {
        private readonly RowCursor _dPositions = new(dPositions);
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly int _grid = GridOf(dPositions);
        private readonly nint _gridHeight = gridHeight;
        private readonly nint _gridWidth = gridWidth;
        private readonly nint _columns = (nint)dOutput.Columns;

        public void Apply<TSimd, TVector>(nint block)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var firstColumn = block * ScatterColumns;
            var endColumn = Math.Min(firstColumn + ScatterColumns, _columns);
            var classToken = new SumVector(_dPositions.At(0), _dPositions.At(0), _dOutput.At(0));
            ElementwiseLoop.RunRow<SumVector, TSimd, TVector>(ref classToken, firstColumn, endColumn);
            BicubicTaps taps;
            Unsafe.SkipInit(out taps);
            for (nint y = 0; y < _gridHeight; y++)
            {
                for (nint x = 0; x < _gridWidth; x++)
                {
                    taps.Locate(y, x, _gridHeight, _gridWidth, _grid);
                    var dOutput = _dOutput.At(1 + y * _gridWidth + x);
                    for (var tap = 0; tap < BicubicTaps.Count; tap++)
                    {
                        var vector = new ScaledSumVector(_dPositions.At(taps.Rows[tap]), taps.Weights[tap], dOutput);
                        ElementwiseLoop.RunRow<ScaledSumVector, TSimd, TVector>(ref vector, firstColumn, endColumn);
                    }
                }
            }
        }
    }

    /// <summary>target = target + scale * source.</summary>
    private readonly struct ScaledSumVector(float* target, float scale, float* source) : IVectorOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes =>
            lanes.Store<TSimd, TVector>(target + column, TSimd.FusedMultiplyAdd(TSimd.Create(scale), lanes.Load<TSimd, TVector>(source + column), lanes.Load<TSimd, TVector>(target + column)));
    }
}
