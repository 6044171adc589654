using System.Runtime.InteropServices;
using System.Text;

namespace Sophia.Native.Cuda.Interop;

/// <summary>A loaded cubin or PTX.</summary>
internal sealed unsafe class KernelModuleHandle : ContextBoundHandle
{
    private const int LogBytes = 16 * 1024;

    private KernelModuleHandle(ContextHandle context, nint module) : base(context, module)
    {
    }

    /// <summary>Loads an image; what the driver's linker has to say about a bad one is in the exception.</summary>
    /// <param name="context">Where to.</param>
    /// <param name="image">A cubin, or PTX that ends with a zero.</param>
    /// <param name="title">What the image is, for the message.</param>
    public static KernelModuleHandle Load(ContextHandle context, ReadOnlySpan<byte> image, string title)
    {
        using var scope = context.Enter();
        var logs = (byte*)NativeMemory.AllocZeroed(2 * LogBytes);
        try
        {
            var options = stackalloc JitOption[] { JitOption.InfoLogBuffer, JitOption.InfoLogBufferBytes, JitOption.ErrorLogBuffer, JitOption.ErrorLogBufferBytes };
            var values = stackalloc void*[] { logs, (void*)LogBytes, logs + LogBytes, (void*)LogBytes };
            fixed (byte* bytes = image)
            {
                var result = CudaDriver.cuModuleLoadDataEx(out var module, bytes, 4, options, values);
                if (result != CudaResult.Success)
                    CudaError.Throw($"cuModuleLoadDataEx({title}, {image.Length} bytes){Log("linker", logs + LogBytes)}{Log("linker's remarks", logs)}", result);
                return new(context, module);
            }
        }
        finally
        {
            NativeMemory.Free(logs);
        }
    }

    /// <summary>Finds a kernel.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="title">What the image is, for the message.</param>
    public nint Function(string name, string title)
    {
        using var scope = Context.Enter();
        Span<byte> text = stackalloc byte[256];
        text[Encoding.UTF8.GetBytes(name, text[..^1])] = 0;
        fixed (byte* bytes = text)
        {
            CudaError.Check(CudaDriver.cuModuleGetFunction(out var function, handle, bytes), $"cuModuleGetFunction({name} in {title})");
            return function;
        }
    }

    protected override bool Destroy() => CudaDriver.cuModuleUnload(handle) == CudaResult.Success;

    private static string Log(string who, byte* text)
    {
        var words = Marshal.PtrToStringUTF8((nint)text)?.Trim();
        return string.IsNullOrEmpty(words) ? "" : $" [{who}: {words}]";
    }
}
