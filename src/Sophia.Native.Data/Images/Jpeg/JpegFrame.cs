using System.Buffers.Binary;

namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>The checked contents of a JPEG frame header (T.81, B.2.2).</summary>
internal sealed class JpegFrame
{
    /// <summary>Every block of an image costs at least a bit of the file.</summary>
    private const int SmallestBitsPerBlock = 1;

    private JpegFrame(int width, int height, bool progressive, JpegComponent[] components)
    {
        Width = width;
        Height = height;
        Progressive = progressive;
        Components = components;
        foreach (JpegComponent component in components)
        {
            LargestHorizontalSampling = Math.Max(LargestHorizontalSampling, component.HorizontalSampling);
            LargestVerticalSampling = Math.Max(LargestVerticalSampling, component.VerticalSampling);
        }

        McuColumns = (width - 1) / (JpegComponent.BlockSide * LargestHorizontalSampling) + 1;
        McuRows = (height - 1) / (JpegComponent.BlockSide * LargestVerticalSampling) + 1;
        foreach (JpegComponent component in components) component.Measure(this);
    }

    public int Width { get; }

    public int Height { get; }

    public bool Progressive { get; }

    public JpegComponent[] Components { get; }

    public int LargestHorizontalSampling { get; }

    public int LargestVerticalSampling { get; }

    /// <summary>MCUs (the units interleaved scans go by) side by side.</summary>
    public int McuColumns { get; }

    /// <summary>MCUs one above the other.</summary>
    public int McuRows { get; }

    /// <summary>Reads the header and makes room for the image.</summary>
    /// <param name="data">The segment behind its length.</param>
    /// <param name="progressive">True for SOF2.</param>
    /// <param name="fileLength">The bytes of the file, which bound what it can hold.</param>
    /// <exception cref="InvalidDataException">The header is broken, of a kind that is not read, or promises more than the file can hold.</exception>
    public static JpegFrame Parse(ReadOnlySpan<byte> data, bool progressive, int fileLength)
    {
        if (data.Length < 6 || data.Length != 6 + 3 * data[5]) throw new InvalidDataException($"expected a JPEG frame header of 6 bytes and 3 for each component, found {data.Length} bytes.");
        if (data[0] != 8) throw new InvalidDataException($"expected a JPEG with 8 bits a sample, found {data[0]}.");
        int height = BinaryPrimitives.ReadUInt16BigEndian(data[1..]), width = BinaryPrimitives.ReadUInt16BigEndian(data[3..]);
        ImageDecoder.CheckSize(width, height, "JPEG");
        if (data[5] is not (1 or 3 or 4)) throw new InvalidDataException($"expected a JPEG with 1, 3 or 4 components, found {data[5]}.");
        JpegComponent[] components = new JpegComponent[data[5]];
        for (int i = 0; i < components.Length; i++)
        {
            ReadOnlySpan<byte> entry = data.Slice(6 + 3 * i, 3);
            int horizontal = entry[1] >> 4, vertical = entry[1] & 15;
            if (horizontal is < 1 or > 4 || vertical is < 1 or > 4 || entry[2] > 3)
                throw new InvalidDataException($"expected JPEG sampling factors from 1 to 4 and a quantization table from 0 to 3, found {horizontal} x {vertical} and {entry[2]}.");
            components[i] = new JpegComponent(entry[0], horizontal, vertical, entry[2]);
        }

        JpegFrame frame = new(width, height, progressive, components);
        frame.Check(fileLength);
        foreach (JpegComponent component in components) component.Allocate(progressive);
        return frame;
    }

    private void Check(int fileLength)
    {
        long blocks = 0;
        foreach (JpegComponent component in Components)
        {
            if (LargestHorizontalSampling % component.HorizontalSampling != 0 || LargestVerticalSampling % component.VerticalSampling != 0)
                throw new InvalidDataException($"expected JPEG sampling factors that divide the largest, found {component.HorizontalSampling} x {component.VerticalSampling} beside {LargestHorizontalSampling} x {LargestVerticalSampling}.");
            blocks += (long)((component.Width + 7) / 8) * ((component.Height + 7) / 8);
        }

        if (blocks * SmallestBitsPerBlock > fileLength * 8L)
            throw new InvalidDataException($"expected image data for {Width} x {Height} pixels, found a JPEG file of {fileLength} bytes, which cannot hold them.");
    }
}
