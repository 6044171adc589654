using System.Runtime.Intrinsics;

namespace Sophia.Native.Data.Images;

/// <summary>
/// Resizes exactly as Pillow's bicubic filter does (a = -0.5, support 2 scaled by the shrinking factor): one axis after the other, each in fixed point with 22 fractional bits and
/// rounded to 8 bits; an axis that keeps its size is left alone. Rows are resized first, but columns where the height shrinks and the width does not: so does Pillow 13, on whose
/// output the golden tiles were made. (Earlier versions always begin with the rows, which moves values by one or two in that case. Where both shrink, Pillow 13 begins
/// with the columns too if the height shrinks much more; here such an image is resized as in earlier versions.)
/// </summary>
public static class BicubicResampler
{
    private const int PrecisionBits = 22;
    private const int Half = 1 << (PrecisionBits - 1);
    private const double Support = 2;

    /// <summary>Resizes an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="width">Columns of the result.</param>
    /// <param name="height">Rows of the result.</param>
    /// <returns>The resized image; the same instance if the size is the same.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1 or the result too large.</exception>
    public static RgbImage Resize(RgbImage image, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (width == image.Width && height == image.Height) return image;
        RgbImage result = new(width, height);
        if (height == image.Height) ResizeRows(image, result);
        else if (width == image.Width || (height < image.Height && width > image.Width)) ResizeColumnsFirst(image, result);
        else ResizeRowsFirst(image, result);
        return result;
    }

    private static void ResizeRows(RgbImage image, RgbImage result)
    {
        Weights alongRows = new(image.Width, result.Width);
        for (int y = 0; y < result.Height; y++) ResizeRow(image.Row(y), result.Row(y), alongRows);
    }

    private static void ResizeColumnsFirst(RgbImage image, RgbImage result)
    {
        Weights alongColumns = new(image.Height, result.Height);
        Weights? alongRows = image.Width == result.Width ? null : new Weights(image.Width, result.Width);
        int[] sums = new int[image.Width * 3];
        byte[] between = new byte[image.Width * 3];
        for (int y = 0; y < result.Height; y++)
        {
            ReadOnlySpan<int> taps = alongColumns.Of(y, out int first);
            sums.AsSpan().Fill(Half);
            for (int i = 0; i < taps.Length; i++) AddWeighted(image.Row(first + i), taps[i], sums);
            Round(sums, alongRows is null ? result.Row(y) : between);
            if (alongRows is not null) ResizeRow(between, result.Row(y), alongRows);
        }
    }

    private static void ResizeRowsFirst(RgbImage image, RgbImage result)
    {
        // Rows of the new width are made when a column first needs them and kept as long as one may: a ring of as many rows as a place has weights.
        // The whole intermediate image would be huge for a tall and narrow one.
        Weights alongRows = new(image.Width, result.Width), alongColumns = new(image.Height, result.Height);
        int rowLength = result.Width * 3;
        byte[] ring = new byte[alongColumns.LargestCount * rowLength];
        int[] sums = new int[rowLength];
        int made = 0;
        for (int y = 0; y < result.Height; y++)
        {
            ReadOnlySpan<int> taps = alongColumns.Of(y, out int first);
            sums.AsSpan().Fill(Half);
            for (int i = 0; i < taps.Length; i++)
            {
                Span<byte> row = ring.AsSpan((first + i) % alongColumns.LargestCount * rowLength, rowLength);
                if (first + i >= made)
                {
                    ResizeRow(image.Row(first + i), row, alongRows);
                    made = first + i + 1;
                }

                AddWeighted(row, taps[i], sums);
            }

            Round(sums, result.Row(y));
        }
    }

    private static void ResizeRow(ReadOnlySpan<byte> from, Span<byte> to, Weights weights)
    {
        for (int x = 0; x < to.Length / 3; x++)
        {
            ReadOnlySpan<int> taps = weights.Of(x, out int first);
            ReadOnlySpan<byte> pixels = from.Slice(first * 3, taps.Length * 3);
            int red = Half, green = Half, blue = Half;
            for (int i = 0, at = 0; i < taps.Length; i++, at += 3)
            {
                int weight = taps[i];
                red += pixels[at] * weight;
                green += pixels[at + 1] * weight;
                blue += pixels[at + 2] * weight;
            }

            to[x * 3] = Round(red);
            to[x * 3 + 1] = Round(green);
            to[x * 3 + 2] = Round(blue);
        }
    }

    private static void AddWeighted(ReadOnlySpan<byte> values, int weight, Span<int> sums)
    {
        sums = sums[..values.Length];
        int x = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            Vector128<int> factor = Vector128.Create(weight);
            for (; x <= values.Length - Vector128<byte>.Count; x += Vector128<byte>.Count)
            {
                (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(Vector128.Create(values.Slice(x, Vector128<byte>.Count)));
                (Vector128<uint> first, Vector128<uint> second) = Vector128.Widen(low);
                (Vector128<uint> third, Vector128<uint> fourth) = Vector128.Widen(high);
                Add(sums[x..], first.AsInt32() * factor);
                Add(sums[(x + 4)..], second.AsInt32() * factor);
                Add(sums[(x + 8)..], third.AsInt32() * factor);
                Add(sums[(x + 12)..], fourth.AsInt32() * factor);
            }
        }

        for (; x < values.Length; x++) sums[x] += values[x] * weight;

        static void Add(Span<int> target, Vector128<int> addend) => (Vector128.Create<int>(target) + addend).CopyTo(target);
    }

    private static void Round(ReadOnlySpan<int> sums, Span<byte> values)
    {
        for (int x = 0; x < values.Length; x++) values[x] = Round(sums[x]);
    }

    private static byte Round(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);

    /// <summary>The weights of each place of the result and the first place of the source they belong to.</summary>
    private sealed class Weights
    {
        private readonly int[] _weights;
        private readonly (int First, int Count)[] _places;
        private readonly int _stride;

        /// <summary>The largest number of weights of a place.</summary>
        public int LargestCount { get; }

        public Weights(int sourceSize, int targetSize)
        {
            double scale = (double)sourceSize / targetSize;
            double filterScale = Math.Max(scale, 1);
            double support = Support * filterScale;
            _stride = (int)Math.Ceiling(support) * 2 + 1;
            _weights = new int[checked(_stride * targetSize)];
            _places = new (int, int)[targetSize];
            double[] exact = new double[_stride];
            for (int place = 0; place < targetSize; place++)
            {
                double center = (place + 0.5) * scale;
                int first = Math.Max(0, (int)(center - support + 0.5));
                int count = Math.Min(sourceSize, (int)(center + support + 0.5)) - first;
                double sum = 0, inverse = 1 / filterScale;
                for (int i = 0; i < count; i++)
                {
                    exact[i] = Kernel((i + first - center + 0.5) * inverse);
                    sum += exact[i];
                }

                for (int i = 0; i < count; i++)
                {
                    double weight = sum == 0 ? exact[i] : exact[i] / sum;
                    _weights[place * _stride + i] = (int)(weight * (1 << PrecisionBits) + (weight < 0 ? -0.5 : 0.5));
                }

                _places[place] = (first, count);
                LargestCount = Math.Max(LargestCount, count);
            }
        }

        public ReadOnlySpan<int> Of(int place, out int first)
        {
            (first, int count) = _places[place];
            return _weights.AsSpan(place * _stride, count);
        }

        /// <summary>Keys' cubic convolution with a = -0.5, in the order of operations of Pillow, on which the last bit depends.</summary>
        private static double Kernel(double x)
        {
            const double a = -0.5;
            x = Math.Abs(x);
            if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
        }
    }
}
