using System.Text;
using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda;

/// <summary>What a device is and can do.</summary>
internal sealed record CudaDevice
{
    /// <summary>The oldest driver whose interface is used, 12.0, as cuDriverGetVersion writes it.</summary>
    private const int OldestDriver = 12000;

    /// <summary>Its number, as in <c>cuda:0</c>.</summary>
    public required int Number { get; init; }

    /// <summary>The driver's CUdevice.</summary>
    public required int Handle { get; init; }

    public required string Name { get; init; }

    /// <summary>Compute capability times ten.</summary>
    public required int Capability { get; init; }

    public required int Multiprocessors { get; init; }

    /// <summary>The most dynamic shared memory of a block, in bytes.</summary>
    public required int MaximumSharedBytes { get; init; }

    public required long MemoryBytes { get; init; }

    /// <summary>The CUDA version of the driver, such as <c>12.4</c>.</summary>
    public required string DriverVersion { get; init; }

    /// <summary>Loads and initializes the driver.</summary>
    /// <exception cref="BackendUnavailableException">There is none, it is too old, or it finds no device.</exception>
    public static void RequireDriver()
    {
        CudaLibraries.Driver.Require("Install NVIDIA's driver.");
        var path = CudaLibraries.Driver.Path;
        try
        {
            var version = Version();
            if (version < OldestDriver)
                throw new BackendUnavailableException($"cuda: the driver {path} is made for CUDA {Text(version)}; expected {Text(OldestDriver)} or newer. Install a newer driver.");
            var result = CudaDriver.cuInit(0);
            if (result != CudaResult.Success)
                throw new BackendUnavailableException($"cuda: cuInit() of {path} failed with {CudaError.Describe(result)}.");
        }
        catch (Exception fault) when (fault is EntryPointNotFoundException or CudaException)
        {
            throw new BackendUnavailableException($"cuda: {path} is no driver of NVIDIA's, or a stub. {fault.Message}");
        }
    }

    /// <summary>The number of devices.</summary>
    public static int Count()
    {
        CudaError.Check(CudaDriver.cuDeviceGetCount(out var count), $"cuDeviceGetCount()");
        return count;
    }

    /// <summary>The device of a number.</summary>
    /// <exception cref="BackendUnavailableException">There is no such device, or it lacks bfloat16.</exception>
    public static CudaDevice Find(int number)
    {
        var count = Count();
        if (number < 0 || number >= count)
            throw new BackendUnavailableException(count == 0 ? "cuda: the driver finds no device." : $"cuda: expected a device from 0 to {count - 1}, found {number}.");
        return Describe(number).RequireBFloat16();
    }

    /// <summary>The device of a CUdevice.</summary>
    /// <exception cref="BackendUnavailableException">It lacks bfloat16.</exception>
    public static CudaDevice Of(int handle)
    {
        for (var number = 0; number < Count(); number++)
        {
            CudaError.Check(CudaDriver.cuDeviceGet(out var found, number), $"cuDeviceGet({number})");
            if (found == handle)
                return Describe(number).RequireBFloat16();
        }
        throw new BackendUnavailableException($"cuda: the context's device {handle} is not among the driver's devices.");
    }

    /// <summary>What the driver says of a device.</summary>
    public static unsafe CudaDevice Describe(int number)
    {
        CudaError.Check(CudaDriver.cuDeviceGet(out var handle, number), $"cuDeviceGet({number})");
        const int nameBytes = 256;
        var name = stackalloc byte[nameBytes];
        CudaError.Check(CudaDriver.cuDeviceGetName(name, nameBytes, handle), $"cuDeviceGetName(device {number})");
        CudaError.Check(CudaDriver.cuDeviceTotalMem_v2(out var memory, handle), $"cuDeviceTotalMem(device {number})");
        return new()
        {
            Number = number,
            Handle = handle,
            Name = Encoding.UTF8.GetString(System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)),
            Capability = 10 * Attribute(DeviceAttribute.ComputeCapabilityMajor, handle) + Attribute(DeviceAttribute.ComputeCapabilityMinor, handle),
            Multiprocessors = Attribute(DeviceAttribute.MultiprocessorCount, handle),
            MaximumSharedBytes = Attribute(DeviceAttribute.MaximumSharedMemoryPerBlockOptIn, handle),
            MemoryBytes = (long)memory,
            DriverVersion = Text(Version()),
        };
    }

    private CudaDevice RequireBFloat16() => Capability >= DeviceArchitecture.Smallest ? this
        : throw new BackendUnavailableException($"cuda: {Name} has compute capability {Capability / 10}.{Capability % 10} and no bfloat16 tensor cores; "
            + $"expected {DeviceArchitecture.Smallest / 10}.{DeviceArchitecture.Smallest % 10} (Ampere) or newer.");

    private static int Version()
    {
        CudaError.Check(CudaDriver.cuDriverGetVersion(out var version), $"cuDriverGetVersion()");
        return version;
    }

    private static string Text(int version) => $"{version / 1000}.{version % 1000 / 10}";

    private static int Attribute(DeviceAttribute attribute, int device)
    {
        CudaError.Check(CudaDriver.cuDeviceGetAttribute(out var value, attribute, device), $"cuDeviceGetAttribute({attribute}, device {device})");
        return value;
    }
}
