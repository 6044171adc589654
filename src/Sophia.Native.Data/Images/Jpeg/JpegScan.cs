namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>Decodes the entropy-coded data of one scan (T.81, annexes F and G).</summary>
internal sealed class JpegScan
{
    private readonly JpegFrame _frame;
    private readonly JpegComponent[] _components;
    private readonly int _spectralStart;
    private readonly int _spectralEnd;
    private readonly int _approximationHigh;
    private readonly int _approximationLow;
    private readonly int _restartInterval;
    private int _endOfBandRun;

    /// <param name="frame">The frame.</param>
    /// <param name="components">The components of the scan, their tables set.</param>
    /// <param name="parameters">The three bytes at the end of the scan header: spectral selection and successive approximation.</param>
    /// <param name="restartInterval">MCUs between restart markers; 0 for none.</param>
    /// <exception cref="InvalidDataException">The parameters are out of range.</exception>
    public JpegScan(JpegFrame frame, JpegComponent[] components, ReadOnlySpan<byte> parameters, int restartInterval)
    {
        _frame = frame;
        _components = components;
        _restartInterval = restartInterval;
        if (!frame.Progressive)
        {
            _spectralEnd = 63;
            return;
        }

        (_spectralStart, _spectralEnd, _approximationHigh, _approximationLow) = (parameters[0], parameters[1], parameters[2] >> 4, parameters[2] & 15);
        bool valid = _spectralStart == 0
            ? _spectralEnd == 0
            : _spectralEnd >= _spectralStart && _spectralEnd < JpegComponent.BlockSize && components.Length == 1;
        valid &= _approximationLow <= 13 && (_approximationHigh == 0 || _approximationHigh == _approximationLow + 1);
        if (!valid) throw new InvalidDataException($"expected a progressive JPEG scan of the standard, found bands {_spectralStart} to {_spectralEnd}, approximation {_approximationHigh} to {_approximationLow} and {components.Length} components.");
    }

    private bool IsDcScan => _spectralStart == 0;

    /// <summary>Decodes the scan.</summary>
    /// <param name="data">The whole file.</param>
    /// <param name="position">Where the entropy-coded data begins.</param>
    /// <returns>Where the next marker is to be looked for.</returns>
    /// <exception cref="InvalidDataException">The data is broken or ends early.</exception>
    public int Decode(ReadOnlySpan<byte> data, int position)
    {
        CheckTables();
        JpegBitReader bits = new(data, position);
        Restart();
        bool interleaved = _components.Length > 1;
        JpegComponent single = _components[0];
        int columns = interleaved ? _frame.McuColumns : (single.Width + 7) / 8;
        int rows = interleaved ? _frame.McuRows : (single.Height + 7) / 8;
        int untilRestart = _restartInterval, nextRestart = 0;
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                if (_restartInterval > 0 && untilRestart-- == 0)
                {
                    int marker = bits.TakeMarker();
                    if (marker != 0xD0 + nextRestart) throw new InvalidDataException($"expected the JPEG restart marker D{nextRestart}, found {(marker < 0 ? "the end of the file" : $"{marker:X2}")}: the file is broken.");
                    nextRestart = (nextRestart + 1) & 7;
                    untilRestart = _restartInterval - 1;
                    Restart();
                }

                if (interleaved) DecodeMcu(ref bits, row, column);
                else DecodeBlock(ref bits, single, row, column);
            }
        }

        return bits.Position;
    }

    private void CheckTables()
    {
        int blocks = 0;
        foreach (JpegComponent component in _components)
        {
            bool needsDc = IsDcScan && _approximationHigh == 0, needsAc = _spectralEnd > 0;
            if ((needsDc && component.DcTable is null) || (needsAc && component.AcTable is null)) throw new InvalidDataException("expected the Huffman tables of a JPEG scan before it, found none.");
            blocks += component.HorizontalSampling * component.VerticalSampling;
        }

        if (_components.Length > 1 && blocks > 10) throw new InvalidDataException($"expected at most 10 blocks in an MCU of the JPEG, found {blocks}.");
    }

    private void Restart()
    {
        _endOfBandRun = 0;
        foreach (JpegComponent component in _components) component.DcPrediction = 0;
    }

    private void DecodeMcu(ref JpegBitReader bits, int mcuRow, int mcuColumn)
    {
        foreach (JpegComponent component in _components)
        {
            for (int y = 0; y < component.VerticalSampling; y++)
            {
                for (int x = 0; x < component.HorizontalSampling; x++)
                    DecodeBlock(ref bits, component, mcuRow * component.VerticalSampling + y, mcuColumn * component.HorizontalSampling + x);
            }
        }
    }

    private void DecodeBlock(ref JpegBitReader bits, JpegComponent component, int row, int column)
    {
        if (!_frame.Progressive)
        {
            Span<short> block = stackalloc short[JpegComponent.BlockSize];
            block.Clear();
            JpegBlockDecoder.DecodeSequential(ref bits, component, block);
            component.Transform(block, row, column);
            return;
        }

        Span<short> coefficients = component.CoefficientsOf(row, column);
        if (IsDcScan && _approximationHigh == 0) JpegBlockDecoder.DecodeDc(ref bits, component, coefficients, _approximationLow);
        else if (IsDcScan) JpegBlockDecoder.RefineDc(ref bits, coefficients, _approximationLow);
        else if (_approximationHigh == 0) JpegBlockDecoder.DecodeAc(ref bits, component.AcTable!, coefficients, _spectralStart, _spectralEnd, _approximationLow, ref _endOfBandRun);
        else JpegBlockDecoder.RefineAc(ref bits, component.AcTable!, coefficients, _spectralStart, _spectralEnd, _approximationLow, ref _endOfBandRun);
    }
}
