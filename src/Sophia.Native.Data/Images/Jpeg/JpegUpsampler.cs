namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>
/// Brings a component's rows to the size of the image as libjpeg-turbo does by default ("fancy upsampling"): where a direction has half the samples, each new sample is
/// three quarters the nearer and one quarter the further of its neighbors, with the roundings of that library; other ratios repeat samples.
/// </summary>
internal sealed class JpegUpsampler
{
    /// <summary>Narrower components are not interpolated sideways.</summary>
    private const int SmallestInterpolatedWidth = 3;

    private readonly JpegComponent _component;
    private readonly int _horizontal;
    private readonly int _vertical;
    private readonly int[] _sums;

    public JpegUpsampler(JpegFrame frame, JpegComponent component)
    {
        _component = component;
        _horizontal = frame.LargestHorizontalSampling / component.HorizontalSampling;
        _vertical = frame.LargestVerticalSampling / component.VerticalSampling;
        _sums = new int[component.Width];
    }

    /// <summary>Writes a row of the image.</summary>
    /// <param name="row">The row, from 0.</param>
    /// <param name="target">Receives the samples; may be longer than the image is wide, by less than the ratio of the widths.</param>
    public void WriteRow(int row, Span<byte> target)
    {
        ReadOnlySpan<byte> near = _component.Row(row / _vertical);
        ReadOnlySpan<byte> far = _component.Row(row % 2 == 0 ? row / 2 - 1 : row / 2 + 1);
        bool interpolateSideways = _horizontal == 2 && near.Length >= SmallestInterpolatedWidth;
        if (_horizontal == 1 && _vertical == 1) near.CopyTo(target);
        else if (interpolateSideways && _vertical == 1) InterpolateSideways(near, target);
        else if (interpolateSideways && _vertical == 2) InterpolateBothWays(near, far, target);
        else if (_horizontal == 1 && _vertical == 2) InterpolateDownwards(near, far, target, row % 2 == 0 ? 1 : 2);
        else Repeat(near, target);
    }

    private void Repeat(ReadOnlySpan<byte> source, Span<byte> target)
    {
        for (int x = 0; x < source.Length; x++) target.Slice(x * _horizontal, _horizontal).Fill(source[x]);
    }

    private static void InterpolateDownwards(ReadOnlySpan<byte> near, ReadOnlySpan<byte> far, Span<byte> target, int bias)
    {
        for (int x = 0; x < near.Length; x++) target[x] = (byte)((near[x] * 3 + far[x] + bias) >> 2);
    }

    private static void InterpolateSideways(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int last = source.Length - 1;
        target[0] = source[0];
        target[1] = (byte)((source[0] * 3 + source[1] + 2) >> 2);
        for (int x = 1; x < last; x++)
        {
            target[2 * x] = (byte)((source[x] * 3 + source[x - 1] + 1) >> 2);
            target[2 * x + 1] = (byte)((source[x] * 3 + source[x + 1] + 2) >> 2);
        }

        target[2 * last] = (byte)((source[last] * 3 + source[last - 1] + 1) >> 2);
        target[2 * last + 1] = source[last];
    }

    private void InterpolateBothWays(ReadOnlySpan<byte> near, ReadOnlySpan<byte> far, Span<byte> target)
    {
        int[] sums = _sums;
        int last = near.Length - 1;
        for (int x = 0; x <= last; x++) sums[x] = near[x] * 3 + far[x];
        target[0] = (byte)((sums[0] * 4 + 8) >> 4);
        target[1] = (byte)((sums[0] * 3 + sums[1] + 7) >> 4);
        for (int x = 1; x < last; x++)
        {
            target[2 * x] = (byte)((sums[x] * 3 + sums[x - 1] + 8) >> 4);
            target[2 * x + 1] = (byte)((sums[x] * 3 + sums[x + 1] + 7) >> 4);
        }

        target[2 * last] = (byte)((sums[last] * 3 + sums[last - 1] + 8) >> 4);
        target[2 * last + 1] = (byte)((sums[last] * 4 + 7) >> 4);
    }
}
