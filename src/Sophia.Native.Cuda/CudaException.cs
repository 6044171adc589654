namespace Sophia.Native.Cuda;

/// <summary>A call of the driver, NVRTC or cuBLASLt failed. The message names the call with its arguments, the kernel where there is one, and the library's own words.</summary>
public sealed class CudaException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Call, kernel, arguments and what the library says.</param>
    /// <param name="result">The library's result code.</param>
    public CudaException(string message, int result = 0) : base(message) => Result = result;

    /// <summary>The library's result code, such as 700 for CUDA_ERROR_ILLEGAL_ADDRESS; 0 where no call failed.</summary>
    public int Result { get; }
}
