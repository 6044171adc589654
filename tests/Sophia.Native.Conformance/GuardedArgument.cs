using System.Runtime.InteropServices;
using Xunit;

namespace Sophia.Native.Conformance;

/// <summary>How the matrices of a case lie in memory.</summary>
public enum Layout
{
    /// <summary>Rows follow each other.</summary>
    Contiguous,

    /// <summary>A range of the columns of a wider matrix, beginning and ending off any alignment.</summary>
    Strided,
}

/// <summary>What stands in outputs before a call.</summary>
public enum Poison
{
    /// <summary>Not a number: shows whatever is read or left.</summary>
    NotANumber,

    /// <summary>A large finite number: shows what a maximum or a sum would take up.</summary>
    Large,
}

/// <summary>
/// An argument in device memory between sentinels: elements before and behind it, and in the gaps of a strided view. Sentinels are NaNs of a known pattern,
/// so that reading one shows in the result and writing one shows in <see cref="CheckSentinels"/>.
/// </summary>
internal sealed class GuardedArgument : IDisposable
{
    private const int Guard = 64;
    private const int Lead = 3;
    private const int Trail = 5;

    private readonly Backend _backend;
    private readonly DeviceBuffer _buffer;
    private readonly byte[] _before;
    private readonly int _size;
    private readonly long _stride;
    private readonly long _first;

    /// <param name="endsExactly">Whether its memory ends with its last element, without sentinels behind it: a backend that watches accesses then sees those that go further.</param>
    public GuardedArgument(Backend backend, Argument argument, Layout layout, Poison poison, bool endsExactly = false)
    {
        _backend = backend;
        Argument = argument;
        _size = argument.Type.Size();
        var strided = layout == Layout.Strided && !argument.IsVector;
        _stride = argument.Columns + (strided ? Lead + Trail : 0);
        _first = Guard + (strided ? Lead : 0);
        var elements = endsExactly ? _first + (argument.Rows == 0 ? 0 : (argument.Rows - 1) * _stride + argument.Columns) : 2 * Guard + argument.Rows * _stride;
        _before = new byte[elements * _size];
        for (var i = 0L; i < elements; i++)
            WriteSentinel(_before.AsSpan((int)(i * _size), _size));
        for (var i = 0L; i < argument.Values.Length; i++)
        {
            var value = argument.Values[i];
            if (argument.Role is ArgumentRole.Output or ArgumentRole.Workspace)
                value = argument.Type == ElementType.Int32 ? int.MinValue + 1 : poison == Poison.Large ? 1e30 : double.NaN;
            Write(_before.AsSpan((int)(At(i) * _size), _size), value, argument.Type);
        }
        _buffer = backend.Allocate(_before.Length);
        Transfer(upload: true, _before);
        View = new(_buffer, _first * _size, argument.Rows, argument.Columns, _stride, argument.Type);
    }

    public Argument Argument { get; }

    public DeviceView View { get; }

    public DeviceView Items(int first, int count)
    {
        if (Argument.ItemSize == 0)
            return View;
        var (start, length) = ((long)first * Argument.ItemSize, (long)count * Argument.ItemSize);
        return Argument.IsVector ? View.ColumnRange(start, length) : View.RowRange(start, length);
    }

    /// <summary>The elements now, as the bytes of a dense matrix.</summary>
    public byte[] DownloadElements()
    {
        var image = Download();
        var elements = new byte[Argument.Values.Length * _size];
        for (var i = 0L; i < Argument.Values.Length; i++)
            image.AsSpan((int)(At(i) * _size), _size).CopyTo(elements.AsSpan((int)(i * _size)));
        return elements;
    }

    public double[] DownloadValues() => ToValues(DownloadElements(), Argument.Type);

    public static double[] ToValues(byte[] elements, ElementType type)
    {
        var size = type.Size();
        var values = new double[elements.Length / size];
        for (var i = 0; i < values.Length; i++)
            values[i] = Read(elements.AsSpan(i * size, size), type);
        return values;
    }

    /// <summary>Fails where anything but the argument's own elements was written, and for an input where those were.</summary>
    public void CheckSentinels(string context, bool mayBeWritten)
    {
        var after = Download();
        var writable = mayBeWritten || Argument.Role != ArgumentRole.Input;
        for (var i = 0L; i < after.Length / _size; i++)
        {
            var relative = i - _first;
            var inside = relative >= 0 && relative < Argument.Rows * _stride && relative % _stride < Argument.Columns;
            if (inside && writable)
                continue;
            var at = (int)(i * _size);
            if (!after.AsSpan(at, _size).SequenceEqual(_before.AsSpan(at, _size)))
            {
                var place = inside ? $"element [{relative / _stride}, {relative % _stride}] of an input" : $"{(relative < 0 ? "before" : relative >= Argument.Rows * _stride ? "behind" : "in a gap of")} the view, at element {relative}";
                Assert.Fail($"{context}: {Argument.Name}: something was written {place}.");
            }
        }
    }

    public void Dispose() => _buffer.Dispose();

    private long At(long index) => _first + index / Math.Max(1, Argument.Columns) * _stride + index % Math.Max(1, Argument.Columns);

    private byte[] Download()
    {
        var image = new byte[_before.Length];
        Transfer(upload: false, image);
        return image;
    }

    private void Transfer(bool upload, byte[] image)
    {
        switch (_size)
        {
            case 2:
                Transfer<ushort>(upload, image);
                break;
            case 8:
                Transfer<double>(upload, image);
                break;
            default:
                Transfer<int>(upload, image);
                break;
        }
    }

    private void Transfer<T>(bool upload, byte[] image) where T : unmanaged
    {
        var elements = MemoryMarshal.Cast<byte, T>(image.AsSpan());
        if (upload)
            _backend.Upload<T>(_buffer.AsView(Argument.Type), elements);
        else
            _backend.Download<T>(elements, _buffer.AsView(Argument.Type));
    }

    private void WriteSentinel(Span<byte> element)
    {
        switch (_size)
        {
            case 2:
                MemoryMarshal.Write(element, (ushort)0x7FCB);
                break;
            case 8:
                MemoryMarshal.Write(element, 0x7FF8BEEFCAFE1234);
                break;
            default:
                MemoryMarshal.Write(element, 0x7FC0BEEF);
                break;
        }
    }

    private static void Write(Span<byte> element, double value, ElementType type)
    {
        switch (type)
        {
            case ElementType.BFloat16:
                MemoryMarshal.Write(element, (ushort)(BitConverter.SingleToUInt32Bits((float)value) >> 16));
                break;
            case ElementType.Float64:
                MemoryMarshal.Write(element, value);
                break;
            case ElementType.Int32:
                MemoryMarshal.Write(element, (int)value);
                break;
            default:
                MemoryMarshal.Write(element, (float)value);
                break;
        }
    }

    private static double Read(ReadOnlySpan<byte> element, ElementType type) => type switch
    {
        ElementType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Read<ushort>(element) << 16),
        ElementType.Float64 => MemoryMarshal.Read<double>(element),
        ElementType.Int32 => MemoryMarshal.Read<int>(element),
        _ => MemoryMarshal.Read<float>(element),
    };
}
