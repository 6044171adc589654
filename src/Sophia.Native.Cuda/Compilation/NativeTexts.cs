using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>Texts as C reads them, freed together.</summary>
internal sealed class NativeTexts : IDisposable
{
    private readonly List<nint> _texts = [];

    public nint Add(string text)
    {
        var copy = Marshal.StringToCoTaskMemUTF8(text);
        _texts.Add(copy);
        return copy;
    }

    public void Dispose()
    {
        foreach (var text in _texts)
            Marshal.FreeCoTaskMem(text);
    }
}
