using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Interop;

/// <summary>
/// The driver's entry points, under the names the library exports (the header's macros add the <c>_v2</c>). Handles and device addresses are nint;
/// who owns them is said by the handle classes beside this file. All pointers are the host's.
/// </summary>
internal static unsafe partial class CudaDriver
{
    public const string Library = "cuda";

    public const uint StreamNonBlocking = 1;
    public const uint EventDisableTiming = 2;
    public const int StreamCaptureRelaxed = 2;

    /// <summary>Since 12.4; look at <see cref="CudaLibraries.HasParameterInformation"/> before calling <see cref="cuFuncGetParamInfo"/>.</summary>
    public const string ParameterInformationEntry = nameof(cuFuncGetParamInfo);

    // The driver and its devices

    [LibraryImport(Library)]
    public static partial CudaResult cuInit(uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuDriverGetVersion(out int version);

    [LibraryImport(Library)]
    public static partial CudaResult cuGetErrorName(CudaResult result, out byte* name);

    [LibraryImport(Library)]
    public static partial CudaResult cuGetErrorString(CudaResult result, out byte* text);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetCount(out int count);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGet(out int device, int ordinal);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetName(byte* name, int length, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceTotalMem_v2(out nuint bytes, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetAttribute(out int value, DeviceAttribute attribute, int device);

    // Contexts

    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxRetain(out nint context, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxRelease_v2(int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuCtxGetCurrent(out nint context);

    [LibraryImport(Library)]
    public static partial CudaResult cuCtxPushCurrent_v2(nint context);

    [LibraryImport(Library)]
    public static partial CudaResult cuCtxPopCurrent_v2(out nint context);

    [LibraryImport(Library)]
    public static partial CudaResult cuCtxGetDevice(out int device);

    // Modules and functions

    [LibraryImport(Library)]
    public static partial CudaResult cuModuleLoadDataEx(out nint module, void* image, uint optionCount, JitOption* options, void** optionValues);

    [LibraryImport(Library)]
    public static partial CudaResult cuModuleUnload(nint module);

    [LibraryImport(Library)]
    public static partial CudaResult cuModuleGetFunction(out nint function, nint module, byte* name);

    [LibraryImport(Library)]
    public static partial CudaResult cuFuncSetAttribute(nint function, FunctionAttribute attribute, int value);

    [LibraryImport(Library)]
    public static partial CudaResult cuFuncGetParamInfo(nint function, nuint index, out nuint offset, out nuint size);

    [LibraryImport(Library)]
    public static partial CudaResult cuLaunchKernel(nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream, void** arguments, void** extra);

    // Memory

    [LibraryImport(Library)]
    public static partial CudaResult cuMemAlloc_v2(out nint address, nuint bytes);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemFree_v2(nint address);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemGetInfo_v2(out nuint free, out nuint total);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemHostAlloc(out nint address, nuint bytes, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemFreeHost(nint address);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyHtoDAsync_v2(nint destination, void* source, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoHAsync_v2(void* destination, nint source, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemsetD8Async(nint destination, byte value, nuint count, nint stream);

    // Streams and events

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamCreate(out nint stream, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamDestroy_v2(nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamSynchronize(nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamGetCtx(nint stream, out nint context);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventCreate(out nint created, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventDestroy_v2(nint destroyed);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventRecord(nint recorded, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventSynchronize(nint waitedFor);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventQuery(nint asked);

    // Graphs, in which a decoding step can be captured

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamBeginCapture_v2(nint stream, int mode);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamEndCapture(nint stream, out nint graph);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphInstantiateWithFlags(out nint executable, nint graph, ulong flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphLaunch(nint executable, nint stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphExecDestroy(nint executable);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphDestroy(nint graph);
}
