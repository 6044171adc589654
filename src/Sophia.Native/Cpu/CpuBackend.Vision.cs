using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Patches, vision tokens and pixel shuffle: rows that change places. Bound by bytes: every element is read and written once.
// Where to read first: PixelShuffleForwardRow. The position table on another grid is in CpuBackend.PositionInterpolation.cs.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize)
    {
        var rows = Stage(patches);
        RowLoop.Run(_path, _pool, new PatchExtractRow(rows, pixels, height, width, patchSize), rows.Rows, rows.Columns);
        Settle(patches, rows);
    }

    /// <inheritdoc/>
    protected override void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions)
    {
        var tokens = Stage(output);
        RowLoop.Run(_path, _pool, new VisionTokensForwardRow(tokens, Widen(patches), Widen(classToken), Widen(positions)), tokens.Rows, tokens.Columns);
        Settle(output, tokens);
    }

    /// <inheritdoc/>
    protected override void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount)
    {
        var tileRows = 1L + patchCount;
        var tiles = dOutput.Rows / tileRows;
        var dRows = Stage(dPatches);
        dOutput = Widen(dOutput);
        if (!dPatches.IsAbsent)
            RowLoop.Run(_path, _pool, new VisionTokensPatchRow(dRows, dOutput, patchCount), dRows.Rows, dRows.Columns);
        if (!dClassToken.IsAbsent)
        {
            var classRows = new DeviceView(dOutput.Buffer, dOutput.ByteOffset, tiles, dOutput.Columns, dOutput.Stride * tileRows, ElementType.Float32);
            ColumnSumLoop.Run(_path, _pool, Floats(dClassToken), new RowItself(classRows), tiles, dOutput.Columns);
        }
        if (!dPositions.IsAbsent)
            RowLoop.Run(_path, _pool, new VisionTokensPositionRow(dPositions, dOutput, tiles), tileRows, tiles * dOutput.Columns);
        Settle(dPatches, dRows);
    }

    /// <inheritdoc/>
    protected override void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth)
    {
        var (joined, tokens) = (Stage(output), Widen(input));
        RowLoop.Run(_path, _pool, new PixelShuffleForwardRow(joined, tokens, gridHeight, gridWidth), joined.Rows, joined.Columns);
        Settle(output, joined);
    }

    /// <inheritdoc/>
    protected override void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        var (dTokens, dJoined) = (Stage(dInput), Widen(dOutput));
        RowLoop.Run(_path, _pool, new PixelShuffleBackwardRow(dTokens, dJoined, gridHeight, gridWidth), dTokens.Rows, dTokens.Columns);
        Settle(dInput, dTokens);
    }

    private readonly struct PatchExtractRow(DeviceView patches, DeviceView pixels, int height, int width, int patchSize) : IRowOperator
    {
        private readonly RowCursor _patches = new(patches);
        private readonly RowCursor _pixels = new(pixels);
        private readonly nint _height = height;
        private readonly nint _width = width;
        private readonly nint _patchSize = patchSize;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var patchesAcross = _width / _patchSize;
            var (band, patchColumn) = Math.DivRem(row, patchesAcross);
            var (tile, patchRow) = Math.DivRem(band, _height / _patchSize);
            var target = _patches.At(row);
            for (nint channel = 0; channel < 3; channel++)
            {
                var source = _pixels.At(tile) + (channel * _height + patchRow * _patchSize) * _width + patchColumn * _patchSize;
                for (nint y = 0; y < _patchSize; y++)
                {
                    RowCursor.Copy(target, source, _patchSize);
                    target += _patchSize;
                    source += _width;
                }
            }
        }
    }

    private readonly struct VisionTokensForwardRow(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions) : IRowOperator
    {
        private readonly RowCursor _output = new(output);
        private readonly RowCursor _patches = new(patches);
        private readonly RowCursor _positions = new(positions);
        private readonly float* _classToken = Floats(classToken);
        private readonly nint _tileRows = (nint)positions.Rows;
        private readonly nint _columns = (nint)output.Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var (tile, token) = Math.DivRem(row, _tileRows);
            var content = token == 0 ? _classToken : _patches.At(row - tile - 1);
            var sum = new SumVector(_output.At(row), content, _positions.At(token));
            ElementwiseLoop.RunRow<SumVector, TSimd, TVector>(ref sum, 0, _columns);
        }
    }

    private readonly struct VisionTokensPatchRow(DeviceView dPatches, DeviceView dOutput, int patchCount) : IRowOperator
    {
        private readonly RowCursor _dPatches = new(dPatches);
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly nint _patchCount = patchCount;
        private readonly nint _columns = (nint)dOutput.Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct => RowCursor.Copy(_dPatches.At(row), _dOutput.At(row + row / _patchCount + 1), _columns);
    }

    /// <summary>One row of the position table: its gradient is the sum over tiles, in their order.</summary>
    private readonly struct VisionTokensPositionRow(DeviceView dPositions, DeviceView dOutput, long tiles) : IRowOperator
    {
        private readonly RowCursor _dPositions = new(dPositions);
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly nint _tileRows = (nint)dPositions.Rows;
        private readonly nint _tiles = (nint)tiles;
        private readonly nint _columns = (nint)dOutput.Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var target = _dPositions.At(row);
            for (nint tile = 0; tile < _tiles; tile++)
            {
                var sum = new SumVector(target, target, _dOutput.At(tile * _tileRows + row));
                ElementwiseLoop.RunRow<SumVector, TSimd, TVector>(ref sum, 0, _columns);
            }
        }
    }

    private readonly struct PixelShuffleForwardRow(DeviceView output, DeviceView input, int gridHeight, int gridWidth) : IRowOperator
    {
        private readonly RowCursor _output = new(output);
        private readonly RowCursor _input = new(input);
        private readonly nint _gridHeight = gridHeight;
        private readonly nint _gridWidth = gridWidth;
        private readonly nint _columns = (nint)input.Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var (band, column) = Math.DivRem(row, _gridWidth / 2);
            var (tile, line) = Math.DivRem(band, _gridHeight / 2);
            var corner = tile * (1 + _gridHeight * _gridWidth) + 1 + 2 * line * _gridWidth + 2 * column;
            var target = _output.At(row);
            RowCursor.Copy(target, _input.At(corner), _columns);
            RowCursor.Copy(target + _columns, _input.At(corner + 1), _columns);
            RowCursor.Copy(target + 2 * _columns, _input.At(corner + _gridWidth), _columns);
            RowCursor.Copy(target + 3 * _columns, _input.At(corner + _gridWidth + 1), _columns);
        }
    }

    private readonly struct PixelShuffleBackwardRow(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth) : IRowOperator
    {
        private readonly RowCursor _dInput = new(dInput);
        private readonly RowCursor _dOutput = new(dOutput);
        private readonly nint _gridHeight = gridHeight;
        private readonly nint _gridWidth = gridWidth;
        private readonly nint _columns = (nint)dInput.Columns;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var (tile, token) = Math.DivRem(row, 1 + _gridHeight * _gridWidth);
            var target = _dInput.At(row);
            if (token == 0)
            {
                new Span<float>(target, (int)_columns).Clear();
                return;
            }
            var (y, x) = Math.DivRem(token - 1, _gridWidth);
            var joined = (tile * (_gridHeight / 2) + y / 2) * (_gridWidth / 2) + x / 2;
            var corner = y % 2 * 2 + x % 2;
            RowCursor.Copy(target, _dOutput.At(joined) + corner * _columns, _columns);
        }
    }
}
