using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Patches, vision tokens and pixel shuffle: rows that change places. Matrices in storage, pixels and gradients of parameters floats; shapes as in the contract. Bound by bytes: every element is read and written once.
// Where to read first: PixelShuffleForwardElement.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize)
    {
        if (patches.Type == ElementType.BFloat16)
            ForEach(new PatchElement<StoredBFloat16>(Of<StoredBFloat16>(patches), Of<StoredFloat32>(pixels), height, width, patchSize), patches.Rows, patches.Columns);
        else
            ForEach(new PatchElement<StoredFloat32>(Of<StoredFloat32>(patches), Of<StoredFloat32>(pixels), height, width, patchSize), patches.Rows, patches.Columns);
    }

    /// <inheritdoc/>
    protected override void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions)
    {
        if (output.Type == ElementType.BFloat16)
            ForEach(new VisionTokensElement<StoredBFloat16>(Of<StoredBFloat16>(output), Of<StoredBFloat16>(patches), Of<StoredBFloat16>(classToken), Of<StoredBFloat16>(positions), positions.Rows), output.Rows, output.Columns);
        else
            ForEach(new VisionTokensElement<StoredFloat32>(Of<StoredFloat32>(output), Of<StoredFloat32>(patches), Of<StoredFloat32>(classToken), Of<StoredFloat32>(positions), positions.Rows), output.Rows, output.Columns);
    }

    /// <inheritdoc/>
    protected override void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount)
    {
        if (dOutput.Type == ElementType.BFloat16)
            VisionTokensBackward<StoredBFloat16>(dPatches, dClassToken, dPositions, dOutput, patchCount);
        else
            VisionTokensBackward<StoredFloat32>(dPatches, dClassToken, dPositions, dOutput, patchCount);
    }

    /// <inheritdoc/>
    protected override void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth)
    {
        if (output.Type == ElementType.BFloat16)
            ForEach(new PixelShuffleForwardElement<StoredBFloat16>(Of<StoredBFloat16>(output), Of<StoredBFloat16>(input), gridHeight, gridWidth, (int)input.Columns), output.Rows, output.Columns);
        else
            ForEach(new PixelShuffleForwardElement<StoredFloat32>(Of<StoredFloat32>(output), Of<StoredFloat32>(input), gridHeight, gridWidth, (int)input.Columns), output.Rows, output.Columns);
    }

    /// <inheritdoc/>
    protected override void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        if (dInput.Type == ElementType.BFloat16)
            ForEach(new PixelShuffleBackwardElement<StoredBFloat16>(Of<StoredBFloat16>(dInput), Of<StoredBFloat16>(dOutput), gridHeight, gridWidth, (int)dInput.Columns), dInput.Rows, dInput.Columns);
        else
            ForEach(new PixelShuffleBackwardElement<StoredFloat32>(Of<StoredFloat32>(dInput), Of<StoredFloat32>(dOutput), gridHeight, gridWidth, (int)dInput.Columns), dInput.Rows, dInput.Columns);
    }

    private void VisionTokensBackward<TStored>(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount)
        where TStored : unmanaged, IStored<TStored>
    {
        var tileRows = 1L + patchCount;
        var tiles = dOutput.Rows / tileRows;
        if (!dPatches.IsAbsent)
            ForEach(new VisionPatchElement<TStored>(Of<TStored>(dPatches), Of<TStored>(dOutput), patchCount), dPatches.Rows, dPatches.Columns, nameof(VisionTokensBackward));
        // The class token is a table of one position.
        if (!dClassToken.IsAbsent)
            ForEach(new VisionPositionElement<TStored>(Of<StoredFloat32>(dClassToken), Of<TStored>(dOutput), tiles, tileRows), 1, dOutput.Columns, nameof(VisionTokensBackward));
        if (!dPositions.IsAbsent)
            ForEach(new VisionPositionElement<TStored>(Of<StoredFloat32>(dPositions), Of<TStored>(dOutput), tiles, tileRows), tileRows, dOutput.Columns, nameof(VisionTokensBackward));
    }

    internal readonly struct PatchElement<TStored>(Matrix<TStored> patches, Matrix<StoredFloat32> pixels, int height, int width, int patchSize) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _patches = patches;
        private readonly Matrix<StoredFloat32> _pixels = pixels;
        private readonly int _height = height;
        private readonly int _width = width;
        private readonly int _patchSize = patchSize;

        public void Apply(long row, int column)
        {
            var patchesAcross = _width / _patchSize;
            var patchesDown = _height / _patchSize;
            var tile = row / (patchesAcross * patchesDown);
            var patch = (int)(row % (patchesAcross * patchesDown));
            var channel = column / (_patchSize * _patchSize);
            var y = patch / patchesAcross * _patchSize + column / _patchSize % _patchSize;
            var x = patch % patchesAcross * _patchSize + column % _patchSize;
            _patches.Write(row, column, _pixels.Read(tile, ((long)channel * _height + y) * _width + x));
        }
    }

    internal readonly struct VisionTokensElement<TStored>(Matrix<TStored> output, Matrix<TStored> patches, Matrix<TStored> classToken, Matrix<TStored> positions, long tileRows) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<TStored> _patches = patches;
        private readonly Matrix<TStored> _classToken = classToken;
        private readonly Matrix<TStored> _positions = positions;
        private readonly long _tileRows = tileRows;

        public void Apply(long row, int column)
        {
            var tile = row / _tileRows;
            var token = row % _tileRows;
            var content = token == 0 ? _classToken.Read(column) : _patches.Read(row - tile - 1, column);
            _output.Write(row, column, content + _positions.Read(token, column));
        }
    }

    internal readonly struct VisionPatchElement<TStored>(Matrix<TStored> dPatches, Matrix<TStored> dOutput, int patchCount) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dPatches = dPatches;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly int _patchCount = patchCount;

        public void Apply(long row, int column) => _dPatches.WriteRaw(row, column, _dOutput.Raw(row + row / _patchCount + 1, column));
    }

    /// <summary>The gradient of a position is the sum over tiles, in their order.</summary>
    internal readonly struct VisionPositionElement<TStored>(Matrix<StoredFloat32> dPositions, Matrix<TStored> dOutput, long tiles, long tileRows) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<StoredFloat32> _dPositions = dPositions;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly long _tiles = tiles;
        private readonly long _tileRows = tileRows;

        public void Apply(long row, int column)
        {
            var sum = _dPositions.Read(row, column);
            for (long tile = 0; tile < _tiles; tile++)
                sum += _dOutput.Read(tile * _tileRows + row, column);
            _dPositions.Write(row, column, sum);
        }
    }

    internal readonly struct PixelShuffleForwardElement<TStored>(Matrix<TStored> output, Matrix<TStored> input, int height, int width, int channels) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<TStored> _input = input;
        private readonly int _height = height;
        private readonly int _width = width;
        private readonly int _channels = channels;

        public void Apply(long row, int column)
        {
            var joinedAcross = _width / 2;
            var joinedDown = _height / 2;
            var tile = row / (joinedAcross * joinedDown);
            var joined = (int)(row % (joinedAcross * joinedDown));
            var corner = column / _channels;
            var y = 2 * (joined / joinedAcross) + corner / 2;
            var x = 2 * (joined % joinedAcross) + corner % 2;
            _output.WriteRaw(row, column, _input.Raw(tile * (1 + (long)_height * _width) + 1 + (long)y * _width + x, column % _channels));
        }
    }

    internal readonly struct PixelShuffleBackwardElement<TStored>(Matrix<TStored> dInput, Matrix<TStored> dOutput, int height, int width, int channels) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dInput = dInput;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly int _height = height;
        private readonly int _width = width;
        private readonly int _channels = channels;

        public void Apply(long row, int column)
        {
            var tileRows = 1 + (long)_height * _width;
            var tile = row / tileRows;
            var token = (int)(row % tileRows);
            if (token == 0)
            {
                _dInput.Write(row, column, 0f);
                return;
            }
            var y = (token - 1) / _width;
            var x = (token - 1) % _width;
            var joined = (tile * (_height / 2) + y / 2) * (_width / 2) + x / 2;
            _dInput.WriteRaw(row, column, _dOutput.Raw(joined, (y % 2 * 2 + x % 2) * _channels + column));
        }
    }
}
