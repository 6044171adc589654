namespace Sophia.Native.Cuda.Interop;

/// <summary>CUresult: what a call of the driver returns. Here are those that are handled by name; the driver itself names all others for messages.</summary>
internal enum CudaResult
{
    Success = 0,
    OutOfMemory = 2,
    NoDevice = 100,
}
