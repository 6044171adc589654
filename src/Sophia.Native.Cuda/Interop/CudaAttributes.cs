namespace Sophia.Native.Cuda.Interop;

/// <summary>CUdevice_attribute.</summary>
internal enum DeviceAttribute
{
    MaximumThreadsPerBlock = 1,
    WarpSize = 10,
    MultiprocessorCount = 16,
    ClockRate = 13,
    MemoryClockRate = 36,
    MemoryBusWidth = 37,
    L2CacheSize = 38,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    MaximumSharedMemoryPerMultiprocessor = 81,
    MaximumSharedMemoryPerBlockOptIn = 97,
}

/// <summary>CUfunction_attribute.</summary>
internal enum FunctionAttribute
{
    MaximumThreadsPerBlock = 0,
    SharedBytes = 1,
    ConstantBytes = 2,
    LocalBytes = 3,
    Registers = 4,
    PtxVersion = 5,
    BinaryVersion = 6,
    MaximumDynamicSharedBytes = 8,
    PreferredSharedMemoryCarveout = 9,
}

/// <summary>CUjit_option, those in use.</summary>
internal enum JitOption
{
    InfoLogBuffer = 3,
    InfoLogBufferBytes = 4,
    ErrorLogBuffer = 5,
    ErrorLogBufferBytes = 6,
}
