using System.Collections.Concurrent;
using System.Text;
using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>A specialization compiled for one architecture.</summary>
/// <param name="Image">The cubin and the compiler's log.</param>
/// <param name="Kernels">What the log says of every kernel.</param>
/// <param name="Entries">The PTX of every kernel by its name.</param>
internal sealed record CompiledModule(KernelImage Image, IReadOnlyList<CompilerReport> Kernels, IReadOnlyDictionary<string, string> Entries)
{
    private static readonly KernelCompiler NvrtcCompiler = new(KernelSources.Open());
    private static readonly ConcurrentDictionary<(KernelSpecialization, string), Lazy<CompiledModule>> Compiled = [];

    /// <summary>The architectures of the gate: the oldest that is supported, and that of the GPU the kernels are tuned for.</summary>
    public static IReadOnlyList<string> Architectures { get; } = ["sm_80", "sm_90a"];

    /// <summary>Compiles, or gives what was compiled before.</summary>
    public static CompiledModule Of(KernelSpecialization specialization, string architecture) =>
        Compiled.GetOrAdd((specialization, architecture), static key => new(() => Compile(key.Item1, key.Item2))).Value;

    /// <summary>Compiles everything on all processors; what does not compile fails in its own test.</summary>
    public static void CompileAll()
    {
        var all = from specialization in KernelCatalog.Specializations from architecture in Architectures select (specialization, architecture);
        Parallel.ForEach(all, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, wanted =>
        {
            try
            {
                Of(wanted.specialization, wanted.architecture);
            }
            catch (CudaException)
            {
            }
        });
    }

    private static CompiledModule Compile(KernelSpecialization specialization, string architecture)
    {
        var image = NvrtcCompiler.Compile(specialization, new(architecture, IsPtx: false), keepsPtx: true);
        var kernels = CompilerReport.Parse(image.Log);
        var entries = new Dictionary<string, string>();
        foreach (var part in Encoding.ASCII.GetString(image.Ptx!).Split(".visible .entry ")[1..])
            entries.Add(part[..part.IndexOf('(')], part);
        return new(image, kernels, entries);
    }
}
