namespace Sophia.Native.Cuda.Interop;

/// <summary>CUdevice_attribute, those in use.</summary>
internal enum DeviceAttribute
{
    MultiprocessorCount = 16,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    MaximumSharedMemoryPerBlockOptIn = 97,
}

/// <summary>CUfunction_attribute, those in use.</summary>
internal enum FunctionAttribute
{
    MaximumDynamicSharedBytes = 8,
}

/// <summary>CUjit_option, those in use.</summary>
internal enum JitOption
{
    InfoLogBuffer = 3,
    InfoLogBufferBytes = 4,
    ErrorLogBuffer = 5,
    ErrorLogBufferBytes = 6,
}
