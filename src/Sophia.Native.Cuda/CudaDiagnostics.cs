using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda;

/// <summary>What <c>sophia doctor</c> says of CUDA on this machine, and the filling of the kernel cache.</summary>
public static class CudaDiagnostics
{
    /// <summary>Driver, devices, compiler, cuBLASLt and kernel cache, one fact a line; a library that is missing has a line for every place where it was looked for.</summary>
    public static IReadOnlyList<string> Report()
    {
        var lines = new List<string>();
        Describe(lines, CudaLibraries.Driver, DriverVersion);
        if (CudaLibraries.Driver.IsLoaded)
            DescribeDevices(lines);
        Describe(lines, CudaLibraries.Compiler, CompilerVersion);
        Describe(lines, CudaLibraries.MatrixProducts, () => CublasLt.cublasLtGetVersion().ToString(CultureInfo.InvariantCulture));
        var cache = KernelCache.Open();
        lines.Add($"kernel cache: {cache.Folder}{(cache.WhyNotWritable() is { } reason ? $", cannot be written, compiled kernels are kept in memory: {reason}" : "")}");
        return lines;
    }

    /// <summary>Compiles every kernel that is not in the cache yet, for one architecture or for those of the devices at hand.</summary>
    /// <param name="architecture">A value of NVRTC's --gpu-architecture, such as <c>sm_90a</c>, for which neither driver nor device is needed; null for the devices at hand.</param>
    /// <param name="report">Takes a line for every kernel file, one at a time.</param>
    /// <returns>How many could not be compiled.</returns>
    /// <exception cref="BackendUnavailableException">There is no compiler, or no device and no architecture.</exception>
    public static int FillCache(string? architecture, Action<string> report)
    {
        ArgumentNullException.ThrowIfNull(report);
        CudaLibraries.RequireCompiler();
        var failures = 0;
        var gate = new Lock();
        foreach (var wanted in architecture is null ? DeviceArchitectures() : [new DeviceArchitecture(architecture, architecture.StartsWith("compute_", StringComparison.Ordinal))])
        {
            var cache = KernelCache.Open();
            var store = new KernelStore(wanted, cache, KernelSources.Open());
            var watch = Stopwatch.StartNew();
            void Say(string text)
            {
                lock (gate)
                    report($"{wanted.Name}  {text}");
            }
            Parallel.ForEach(KernelCatalog.Specializations, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, specialization =>
            {
                try
                {
                    var image = store.Image(specialization);
                    Say($"{specialization}: {(image.IsFromCache ? "in the cache" : CompilerReport.Summarize(image.Log))}");
                }
                catch (Exception refusal) when (refusal is CudaException or NotSupportedException)
                {
                    Interlocked.Increment(ref failures);
                    Say(refusal.Message);
                }
            });
            Say($"{KernelCatalog.Specializations.Count} specializations, {store.CompiledCount} compiled by NVRTC {store.CompilerVersion} in {watch.Elapsed.TotalSeconds:0.0} s, "
                + $"kept in {(cache.WhyInMemory is { } reason ? $"memory alone ({reason})" : cache.Folder)}");
        }
        return failures;
    }

    private static HashSet<DeviceArchitecture> DeviceArchitectures()
    {
        CudaDevice.RequireDriver();
        var found = new HashSet<DeviceArchitecture>();
        for (var number = 0; number < CudaDevice.Count(); number++)
        {
            var device = CudaDevice.Describe(number);
            if (device.Capability >= DeviceArchitecture.Smallest)
                found.Add(DeviceArchitecture.For(device.Capability));
        }
        return found.Count > 0 ? found : throw new BackendUnavailableException("cuda: there is no device with bfloat16 to compile for; name an architecture, such as sm_90a.");
    }

    private static void Describe(List<string> lines, LoadedLibrary library, Func<string> version)
    {
        if (library.IsLoaded)
        {
            lines.Add($"{library.Title}: {version()}, {library.Path ?? "found by the loader"}");
            return;
        }
        lines.Add($"{library.Title}: not found");
        foreach (var attempt in library.Attempts)
            lines.Add($"  {attempt}");
    }

    private static void DescribeDevices(List<string> lines)
    {
        try
        {
            CudaDevice.RequireDriver();
            for (var number = 0; number < CudaDevice.Count(); number++)
            {
                var device = CudaDevice.Describe(number);
                lines.Add($"cuda:{number}: {device.Name}, compute capability {device.Capability / 10}.{device.Capability % 10}, {device.Multiprocessors} multiprocessors, "
                    + $"{device.MemoryBytes / (double)(1L << 30):0.0} GiB, {device.MaximumSharedBytes / 1024} KiB of shared memory a block"
                    + $"{(device.Capability < DeviceArchitecture.Smallest ? "; no bfloat16, not usable" : "")}");
            }
        }
        catch (Exception fault) when (fault is BackendUnavailableException or CudaException)
        {
            lines.Add($"  {fault.Message}");
        }
    }

    private static string DriverVersion() => CudaDriver.cuDriverGetVersion(out var version) == CudaResult.Success ? $"for CUDA {version / 1000}.{version % 1000 / 10}" : "of unknown version";

    private static string CompilerVersion() => Nvrtc.nvrtcVersion(out var major, out var minor) == 0 ? $"{major}.{minor}" : "of unknown version";
}
