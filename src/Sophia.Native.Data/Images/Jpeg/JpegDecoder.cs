using System.Buffers.Binary;

namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>
/// Decodes JPEG (ITU-T T.81) with 8-bit samples and Huffman coding, sequential or progressive, in the arithmetic of libjpeg-turbo's defaults, so that the pixels are those Pillow sees.
/// Arithmetic coding, lossless and 12-bit files are not read.
/// </summary>
internal sealed class JpegDecoder
{
    /// <summary>More scans than any encoder writes; each may cost a pass over the image, so a small file could keep a decoder busy for hours.</summary>
    private const int LargestScanCount = 200;

    private const int EndMarker = 0xD9;

    private readonly byte[] _data;
    private readonly ushort[]?[] _quantization = new ushort[]?[4];
    private readonly JpegHuffmanTable?[] _dcTables = new JpegHuffmanTable?[4];
    private readonly JpegHuffmanTable?[] _acTables = new JpegHuffmanTable?[4];
    private JpegFrame? _frame;
    private int _restartInterval;
    private int _scans;
    private bool _hasJfif;
    private int? _adobeTransform;

    private JpegDecoder(byte[] data) => _data = data;

    public static bool IsJpeg(ReadOnlySpan<byte> data) => data.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]);

    /// <exception cref="InvalidDataException">The file is broken, cut off, too large or of a kind that is not read.</exception>
    public static RgbImage Decode(byte[] data) => new JpegDecoder(data).Decode();

    private RgbImage Decode()
    {
        int position = 2;
        while (true)
        {
            int marker = NextMarker(ref position);
            if (marker == EndMarker) break;
            if (marker is 0x01 or (>= 0xD0 and <= 0xD7)) continue;
            ReadOnlySpan<byte> segment = Segment(ref position, marker);
            switch (marker)
            {
                case 0xC0 or 0xC1 or 0xC2:
                    if (_frame is not null) throw new InvalidDataException("expected one frame in the JPEG, found a second.");
                    _frame = JpegFrame.Parse(segment, progressive: marker == 0xC2, _data.Length);
                    break;
                case 0xC4:
                    ReadHuffmanTables(segment);
                    break;
                case >= 0xC3 and <= 0xCF and not 0xC8 and not 0xCC:
                case 0xCC:
                    throw new InvalidDataException($"expected a baseline or progressive JPEG with Huffman coding, found one of type {marker:X2} (lossless, hierarchical or arithmetic).");
                case 0xDA:
                    position = ReadScan(segment, position);
                    break;
                case 0xDB:
                    ReadQuantizationTables(segment);
                    break;
                case 0xDD:
                    if (segment.Length != 2) throw new InvalidDataException($"expected a JPEG restart interval of 2 bytes, found {segment.Length}.");
                    _restartInterval = BinaryPrimitives.ReadUInt16BigEndian(segment);
                    break;
                case 0xE0:
                    _hasJfif |= segment.StartsWith("JFIF\0"u8);
                    break;
                case 0xEE:
                    if (segment.Length >= 12 && segment.StartsWith("Adobe"u8)) _adobeTransform = segment[11];
                    break;
            }
        }

        return Finish();
    }

    /// <summary>Finds the next marker; bytes before it are passed over, as libjpeg does.</summary>
    private int NextMarker(ref int position)
    {
        while (position + 1 < _data.Length)
        {
            if (_data[position] == 0xFF && _data[position + 1] is not (0 or 0xFF))
            {
                position += 2;
                return _data[position - 1];
            }

            position++;
        }

        // Some writers leave out the end marker. A sequential image whose scans are whole needs none; of a progressive one no one knows whether more was to come.
        if (_frame is { Progressive: false } && IsWhole()) return EndMarker;
        throw new InvalidDataException("expected image data in the JPEG, found the end of the file: it is cut off.");
    }

    private ReadOnlySpan<byte> Segment(ref int position, int marker)
    {
        int length = _data.Length - position >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(_data.AsSpan(position)) : 0;
        if (length < 2 || length > _data.Length - position)
            throw new InvalidDataException($"expected {Math.Max(2, length)} bytes of the JPEG segment {marker:X2} at byte {position}, found {_data.Length - position}: the file is cut off or broken.");
        ReadOnlySpan<byte> segment = _data.AsSpan(position + 2, length - 2);
        position += length;
        return segment;
    }

    private void ReadQuantizationTables(ReadOnlySpan<byte> segment)
    {
        while (!segment.IsEmpty)
        {
            bool wide = segment[0] >> 4 != 0;
            int index = segment[0] & 15, length = wide ? 128 : 64;
            if (segment[0] >> 4 > 1 || index > 3 || segment.Length < 1 + length) throw new InvalidDataException($"expected JPEG quantization tables 0 to 3 of 64 or 128 bytes, found table {index} with {segment.Length - 1} bytes.");
            ushort[] table = new ushort[64];
            for (int i = 0; i < 64; i++)
                table[JpegBlockDecoder.NaturalOrder[i]] = wide ? BinaryPrimitives.ReadUInt16BigEndian(segment[(1 + 2 * i)..]) : segment[1 + i];
            _quantization[index] = table;
            segment = segment[(1 + length)..];
        }
    }

    private void ReadHuffmanTables(ReadOnlySpan<byte> segment)
    {
        while (!segment.IsEmpty)
        {
            int kind = segment[0] >> 4, index = segment[0] & 15, symbols = 0;
            if (segment.Length >= 17)
            {
                foreach (byte count in segment[1..17]) symbols += count;
            }

            if (kind > 1 || index > 3 || segment.Length < 17 + symbols || symbols > 256)
                throw new InvalidDataException($"expected JPEG Huffman tables 0 to 3 of at most 256 symbols, found table {index} with {symbols} symbols in {segment.Length} bytes.");
            (kind == 0 ? _dcTables : _acTables)[index] = new JpegHuffmanTable(segment[1..17], segment.Slice(17, symbols));
            segment = segment[(17 + symbols)..];
        }
    }

    private int ReadScan(ReadOnlySpan<byte> segment, int position)
    {
        if (_frame is null) throw new InvalidDataException("expected a JPEG frame header before the first scan, found none.");
        if (++_scans > LargestScanCount) throw new InvalidDataException($"expected at most {LargestScanCount} scans in the JPEG, found more.");
        int count = segment.IsEmpty ? 0 : segment[0];
        if (count is < 1 or > 4 || segment.Length != 4 + 2 * count) throw new InvalidDataException($"expected a JPEG scan header of 1 to 4 components, found {count} in {segment.Length} bytes.");
        JpegComponent[] components = new JpegComponent[count];
        for (int i = 0; i < count; i++)
        {
            int id = segment[1 + 2 * i], tables = segment[2 + 2 * i];
            JpegComponent component = Array.Find(_frame.Components, candidate => candidate.Id == id) ?? throw new InvalidDataException($"expected scans of the JPEG frame's components, found component {id}.");
            if (Array.IndexOf(components, component) >= 0) throw new InvalidDataException($"expected each component once in a JPEG scan, found {id} twice.");
            if (tables >> 4 > 3 || (tables & 15) > 3) throw new InvalidDataException($"expected JPEG Huffman tables from 0 to 3, found {tables >> 4} and {tables & 15}.");
            component.DcTable = _dcTables[tables >> 4];
            component.AcTable = _acTables[tables & 15];

            // A later table of the same number is for components that come later.
            component.Quantization ??= _quantization[component.QuantizationIndex]
                ?? throw new InvalidDataException($"expected the JPEG quantization table {component.QuantizationIndex} before its scan, found none.");
            components[i] = component;
        }

        return new JpegScan(_frame, components, segment[^3..], _restartInterval).Decode(_data, position);
    }

    private bool IsWhole() => _frame is not null && Array.TrueForAll(_frame.Components, component => component.Quantization is not null);

    private RgbImage Finish()
    {
        if (_frame is null || !IsWhole()) throw new InvalidDataException("expected scans of all components in the JPEG, found its end.");
        JpegUpsampler[] upsamplers = new JpegUpsampler[_frame.Components.Length];
        byte[][] rows = new byte[upsamplers.Length][];
        for (int i = 0; i < upsamplers.Length; i++)
        {
            if (_frame.Progressive) _frame.Components[i].TransformAll();
            upsamplers[i] = new JpegUpsampler(_frame, _frame.Components[i]);
            rows[i] = new byte[_frame.Width + _frame.LargestHorizontalSampling];
        }

        JpegColorSpace space = ColorSpace(_frame.Components);
        RgbImage image = new(_frame.Width, _frame.Height);
        for (int y = 0; y < image.Height; y++)
        {
            for (int i = 0; i < upsamplers.Length; i++) upsamplers[i].WriteRow(y, rows[i]);
            JpegColorConverter.ConvertRow(space, rows, image.Row(y));
        }

        return image;
    }

    /// <summary>What the components mean by the markers of the file, in the order in which libjpeg believes them.</summary>
    private JpegColorSpace ColorSpace(JpegComponent[] components)
    {
        if (components.Length == 1) return JpegColorSpace.Grey;
        if (components.Length == 4) return _adobeTransform is null or 0 ? JpegColorSpace.Cmyk : JpegColorSpace.Ycck;
        if (_hasJfif) return JpegColorSpace.YCbCr;
        if (_adobeTransform is { } transform) return transform == 0 ? JpegColorSpace.Rgb : JpegColorSpace.YCbCr;
        return (components[0].Id, components[1].Id, components[2].Id) == ('R', 'G', 'B') ? JpegColorSpace.Rgb : JpegColorSpace.YCbCr;
    }
}
