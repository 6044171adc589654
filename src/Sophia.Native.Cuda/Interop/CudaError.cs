using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Interop;

/// <summary>Turns result codes into exceptions. What was called is put into words only where it failed: a call that succeeds allocates nothing.</summary>
internal static unsafe class CudaError
{
    /// <summary>Throws where a call of the driver failed.</summary>
    /// <param name="result">What it returned.</param>
    /// <param name="call">The call with its arguments, as an interpolated string.</param>
    public static void Check(CudaResult result, [InterpolatedStringHandlerArgument(nameof(result))] ref CallText call)
    {
        if (result != CudaResult.Success)
            Throw(call.ToStringAndClear(), result);
    }

    /// <summary>The name and text of a result, such as <c>CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was encountered</c>.</summary>
    public static string Describe(CudaResult result)
    {
        var name = CudaDriver.cuGetErrorName(result, out var nameText) == CudaResult.Success ? Marshal.PtrToStringUTF8((nint)nameText) : null;
        var words = CudaDriver.cuGetErrorString(result, out var wordText) == CudaResult.Success ? Marshal.PtrToStringUTF8((nint)wordText) : null;
        return $"{name ?? "an unknown error"} ({(int)result}){(words is null ? "" : $": {words}")}";
    }

    [DoesNotReturn]
    public static void Throw(string call, CudaResult result) => throw new CudaException($"{call} failed with {Describe(result)}.", (int)result);

    /// <summary>The words for a call, put together only where it failed.</summary>
    [InterpolatedStringHandler]
    public ref struct CallText
    {
        private DefaultInterpolatedStringHandler _text;

        public CallText(int literalLength, int formattedCount, CudaResult result, out bool isNeeded)
        {
            isNeeded = result != CudaResult.Success;
            _text = isNeeded ? new(literalLength, formattedCount) : default;
        }

        /// <summary>The same for a library whose results are plain numbers; 0 is success.</summary>
        public CallText(int literalLength, int formattedCount, int status, out bool isNeeded) : this(literalLength, formattedCount, (CudaResult)status, out isNeeded)
        {
        }

        public void AppendLiteral(string text) => _text.AppendLiteral(text);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public void AppendFormatted<T>(T value, string format) => _text.AppendFormatted(value, format);

        public string ToStringAndClear() => _text.ToStringAndClear();
    }
}
