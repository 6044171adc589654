using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Interop;

/// <summary>A handle of cuBLASLt.</summary>
internal sealed class MatrixProductsHandle : ContextBoundHandle
{
    private MatrixProductsHandle(ContextHandle context, nint products) : base(context, products)
    {
    }

    /// <summary>Creates a handle.</summary>
    public static MatrixProductsHandle Create(ContextHandle context)
    {
        using var scope = context.Enter();
        Check(CublasLt.cublasLtCreate(out var products), $"cublasLtCreate()");
        return new(context, products);
    }

    /// <summary>Throws where a call of cuBLASLt failed.</summary>
    /// <param name="status">What it returned.</param>
    /// <param name="call">The call with its arguments, as an interpolated string.</param>
    public static unsafe void Check(int status, [InterpolatedStringHandlerArgument(nameof(status))] ref CudaError.CallText call)
    {
        if (status != 0)
            throw new CudaException($"{call.ToStringAndClear()} failed with {Marshal.PtrToStringUTF8((nint)CublasLt.cublasLtGetStatusString(status))} ({status}).", status);
    }

    protected override bool Destroy() => CublasLt.cublasLtDestroy(handle) == 0;
}
