namespace Sophia.Native.Cuda.Interop;

/// <summary>CUresult: what a call of the driver returns. Named here are those that are handled by name; the driver names all others.</summary>
internal enum CudaResult
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NotInitialized = 3,
    Deinitialized = 4,
    StubLibrary = 34,
    NoDevice = 100,
    InvalidDevice = 101,
    InvalidContext = 201,
    NoBinaryForGpu = 209,
    NotFound = 500,
    NotReady = 600,
    NotSupported = 801,
    SystemNotReady = 802,
    SystemDriverMismatch = 803,
}
