namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>A component (color channel) of a JPEG frame: its sampling, its blocks and, decoded, its samples.</summary>
/// <param name="id">The number scans call it by.</param>
/// <param name="horizontalSampling">Blocks of an MCU side by side, 1 to 4.</param>
/// <param name="verticalSampling">Blocks of an MCU one above the other, 1 to 4.</param>
/// <param name="quantizationIndex">Which quantization table it uses, 0 to 3.</param>
internal sealed class JpegComponent(int id, int horizontalSampling, int verticalSampling, int quantizationIndex)
{
    public const int BlockSide = 8;
    public const int BlockSize = BlockSide * BlockSide;

    public int Id { get; } = id;

    public int HorizontalSampling { get; } = horizontalSampling;

    public int VerticalSampling { get; } = verticalSampling;

    public int QuantizationIndex { get; } = quantizationIndex;

    /// <summary>Samples of a row that belong to the image.</summary>
    public int Width { get; private set; }

    /// <summary>Rows of samples that belong to the image.</summary>
    public int Height { get; private set; }

    /// <summary>Blocks side by side, filled up to whole MCUs.</summary>
    public int BlockColumns { get; private set; }

    /// <summary>Blocks one above the other, filled up to whole MCUs.</summary>
    public int BlockRows { get; private set; }

    /// <summary>The table in zigzag order as it was when the component's first scan began; null before.</summary>
    public ushort[]? Quantization { get; set; }

    /// <summary>The last DC value, from which the next differs by what is coded.</summary>
    public int DcPrediction { get; set; }

    public JpegHuffmanTable? DcTable { get; set; }

    public JpegHuffmanTable? AcTable { get; set; }

    /// <summary>Coefficients in natural order, [block, 64]; empty in a sequential JPEG, whose blocks are transformed as they come.</summary>
    public short[] Coefficients { get; private set; } = [];

    /// <summary>Samples, [8 * block rows, 8 * block columns].</summary>
    public byte[] Samples { get; private set; } = [];

    public int Stride => BlockColumns * BlockSide;

    /// <summary>Computes the sizes from those of the frame.</summary>
    public void Measure(JpegFrame frame)
    {
        Width = DivideUp(frame.Width * HorizontalSampling, frame.LargestHorizontalSampling);
        Height = DivideUp(frame.Height * VerticalSampling, frame.LargestVerticalSampling);
        BlockColumns = frame.McuColumns * HorizontalSampling;
        BlockRows = frame.McuRows * VerticalSampling;
    }

    public void Allocate(bool progressive)
    {
        Samples = new byte[checked(BlockColumns * BlockRows * BlockSize)];
        if (progressive) Coefficients = new short[Samples.Length];
    }

    public Span<short> CoefficientsOf(int blockRow, int blockColumn) =>
        Coefficients.AsSpan((blockRow * BlockColumns + blockColumn) * BlockSize, BlockSize);

    /// <summary>Turns the coefficients of a block into its samples.</summary>
    public void Transform(ReadOnlySpan<short> coefficients, int blockRow, int blockColumn) =>
        JpegInverseTransform.Transform(coefficients, Quantization, Samples.AsSpan(blockRow * BlockSide * Stride + blockColumn * BlockSide), Stride);

    /// <summary>Turns all coefficients of a progressive JPEG into samples.</summary>
    public void TransformAll()
    {
        for (int row = 0; row < BlockRows; row++)
        {
            for (int column = 0; column < BlockColumns; column++) Transform(CoefficientsOf(row, column), row, column);
        }
    }

    /// <summary>A row of samples that belong to the image; rows beyond its border repeat those at the border.</summary>
    public ReadOnlySpan<byte> Row(int row) => Samples.AsSpan(Math.Clamp(row, 0, Height - 1) * Stride, Width);

    private static int DivideUp(int value, int divisor) => (value + divisor - 1) / divisor;
}
