using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// The position table on another grid: row 0 is copied, the others are interpolated bicubically (Keys' kernel with a = -0.75, borders clamped), the weights computed in double as the CPU computes them.
// output [1 + height * width, C], positions [1 + G * G, C] in storage; dPositions and dOutput floats. Bound by operations, 32 an element. Backward, a thread for each column walks the output rows in their order.
// Where to read first: BicubicPoint.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth)
    {
        var grid = GridOf(positions);
        if (output.Type == ElementType.BFloat16)
            ForEach(new InterpolationForwardElement<StoredBFloat16>(Of<StoredBFloat16>(output), Of<StoredBFloat16>(positions), gridHeight, gridWidth, grid), output.Rows, output.Columns);
        else
            ForEach(new InterpolationForwardElement<StoredFloat32>(Of<StoredFloat32>(output), Of<StoredFloat32>(positions), gridHeight, gridWidth, grid), output.Rows, output.Columns);
    }

    /// <inheritdoc/>
    protected override void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth) =>
        ForEach(new InterpolationBackwardColumn(Of<StoredFloat32>(dPositions), Of<StoredFloat32>(dOutput), gridHeight, gridWidth, GridOf(dPositions)), 1, dOutput.Columns);

    private static int GridOf(DeviceView positions) => (int)Math.Sqrt(positions.Rows - 1);

    /// <summary>A point of the new grid on the old one: the sixteen rows of the table around it and their weights.</summary>
    internal readonly struct BicubicPoint(double y, double x, int grid)
    {
        private const double A = -0.75;

        private readonly double _y = y;
        private readonly double _x = x;
        private readonly double _firstY = Math.Floor(y) - 1;
        private readonly double _firstX = Math.Floor(x) - 1;
        private readonly int _grid = grid;

        public static BicubicPoint Of(int point, int height, int width, int grid) =>
            new((point / width + 0.5) * grid / height - 0.5, (point % width + 0.5) * grid / width - 0.5, grid);

        public int Row(int tap) => 1 + Clamp((int)_firstY + tap / 4) * _grid + Clamp((int)_firstX + tap % 4);

        public float Weight(int tap) => (float)(Kernel(_y - (_firstY + tap / 4)) * Kernel(_x - (_firstX + tap % 4)));

        private int Clamp(int index) => index < 0 ? 0 : index > _grid - 1 ? _grid - 1 : index;

        private static double Kernel(double distance)
        {
            var d = distance < 0 ? -distance : distance;
            return d <= 1 ? ((A + 2) * d - (A + 3)) * d * d + 1 : ((A * d - 5 * A) * d + 8 * A) * d - 4 * A;
        }
    }

    internal readonly struct InterpolationForwardElement<TStored>(Matrix<TStored> output, Matrix<TStored> positions, int height, int width, int grid) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<TStored> _positions = positions;
        private readonly int _height = height;
        private readonly int _width = width;
        private readonly int _grid = grid;

        public void Apply(long row, int column)
        {
            if (row == 0)
            {
                _output.WriteRaw(0, column, _positions.Raw(0, column));
                return;
            }
            var point = BicubicPoint.Of((int)row - 1, _height, _width, _grid);
            var sum = 0f;
            for (var tap = 0; tap < 16; tap++)
                sum = MathF.FusedMultiplyAdd(point.Weight(tap), _positions.Read(point.Row(tap), column), sum);
            _output.Write(row, column, sum);
        }
    }

    internal readonly struct InterpolationBackwardColumn(Matrix<StoredFloat32> dPositions, Matrix<StoredFloat32> dOutput, int height, int width, int grid) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _dPositions = dPositions;
        private readonly Matrix<StoredFloat32> _dOutput = dOutput;
        private readonly int _height = height;
        private readonly int _width = width;
        private readonly int _grid = grid;

        public void Apply(long row, int column)
        {
            _dPositions.Write(0, column, _dPositions.Read(0, column) + _dOutput.Read(0, column));
            for (var n = 0; n < _height * _width; n++)
            {
                var point = BicubicPoint.Of(n, _height, _width, _grid);
                var gradient = _dOutput.Read(1 + n, column);
                for (var tap = 0; tap < 16; tap++)
                {
                    var target = point.Row(tap);
                    _dPositions.Write(target, column, MathF.FusedMultiplyAdd(point.Weight(tap), gradient, _dPositions.Read(target, column)));
                }
            }
        }
    }
}
