using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Sophia.Native.Cuda.Launching;

/// <summary>
/// The arguments of the launch that is being put together, as the driver reads them: values one after the other, each aligned to its size, and a table of their addresses. Reused by every launch.
/// </summary>
internal sealed unsafe class ArgumentBlock : IDisposable
{
    private const int MostArguments = 96;
    private const int MostBytes = MostArguments * 8;

    private readonly byte[] _sizes = new byte[MostArguments];
    private readonly ArgumentKind[] _kinds = new ArgumentKind[MostArguments];
    private byte* _values = (byte*)NativeMemory.AlignedAlloc(MostBytes + MostArguments * (nuint)sizeof(void*), 16);
    private int _bytes;

    public int Count { get; private set; }

    /// <summary>The addresses of the values, as cuLaunchKernel takes them.</summary>
    public void** Addresses => (void**)(_values + MostBytes);

    public int SizeOf(int index) => _sizes[index];

    public void Clear() => (Count, _bytes) = (0, 0);

    public void Add<T>(T value, ArgumentKind kind) where T : unmanaged
    {
        if (Count == MostArguments)
            throw new InvalidOperationException($"A kernel has at most {MostArguments} arguments.");
        var at = (_bytes + sizeof(T) - 1) & -sizeof(T);
        *(T*)(_values + at) = value;
        Addresses[Count] = _values + at;
        _sizes[Count] = (byte)sizeof(T);
        _kinds[Count] = kind;
        _bytes = at + sizeof(T);
        Count++;
    }

    /// <summary>The arguments in words.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (var i = 0; i < Count; i++)
        {
            var value = Addresses[i];
            text.Append(i == 0 ? "" : ", ").Append(CultureInfo.InvariantCulture, $"{_kinds[i] switch
            {
                ArgumentKind.Pointer => $"0x{*(ulong*)value:x}",
                ArgumentKind.Int => $"{*(int*)value}",
                ArgumentKind.Long => $"{*(long*)value}",
                ArgumentKind.UnsignedInt => $"{*(uint*)value}u",
                ArgumentKind.UnsignedLong => $"{*(ulong*)value}u",
                ArgumentKind.Float => $"{*(float*)value:R}f",
                _ => $"{*(double*)value:R}",
            }}");
        }
        return text.ToString();
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_values);
        _values = null;
    }
}
