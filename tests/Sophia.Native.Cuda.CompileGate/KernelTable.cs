using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>
/// The table of registers, shared memory, spills and occupancy in kernels/README.md: a row for every kernel, storage type, tile and size of block; where specializations differ, the range from best to worst.
/// It is about the main road: rows that are aligned, and attention at the head sizes of the models. Spills are those of all specializations.
/// </summary>
internal static partial class KernelTable
{
    private const string Begin = "<!-- what the compiler says: begin -->";
    private const string End = "<!-- what the compiler says: end -->";

    /// <summary>Writes the table into a file: between its two marks where the file has them, else as the whole file.</summary>
    public static void WriteTo(string path)
    {
        var table = Write();
        var text = File.Exists(path) ? File.ReadAllText(path) : "";
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        File.WriteAllText(path, begin < 0 || end < begin ? table : $"{text[..(begin + Begin.Length)]}\n{table}{text[end..]}");
    }

    private static string Write()
    {
        var architectures = string.Join(" / ", CompiledModule.Architectures);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"NVRTC {Version()}, {KernelCatalog.Specializations.Count} specializations, {DateTime.UtcNow:yyyy-MM-dd}.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"| file | kernel | storage | tile | threads | registers {architectures} | shared bytes | spilled bytes | occupancy {architectures} |\n");
        text.Append("|---|---|---|---|---|---|---|---|---|\n");
        var variants = KernelCatalog.Specializations.AsParallel().SelectMany(VariantsOf).ToList();
        foreach (var row in variants.Where(variant => variant.IsMainRoad).GroupBy(variant => (variant.File, variant.Kernel, variant.StorageBits, variant.Tile, variant.Threads)).OrderBy(row => row.Key))
        {
            var key = row.Key;
            var registers = CompiledModule.Architectures.Select((_, index) => Range(row, variant => variant.Reports[index].Registers));
            var occupancy = CompiledModule.Architectures.Select((architecture, index) => Range(row, variant => -variant.OccupancyOf(architecture, index)));
            var spills = variants.Where(variant => variant.Kernel == key.Kernel).Max(variant => variant.Reports.Max(report => report.SpillBytes));
            text.Append(CultureInfo.InvariantCulture, $"| {key.File} | {key.Kernel} | {(key.StorageBits == 16 ? "bf16" : "fp32")} | {key.Tile} | {key.Threads} | {string.Join(" / ", registers)} | {Range(row, variant => variant.SharedBytes)} | {spills} | {string.Join(" / ", occupancy)} % |\n");
        }
        return text.ToString();
    }

    private static List<Variant> VariantsOf(KernelSpecialization specialization)
    {
        var modules = CompiledModule.Architectures.Select(architecture => CompiledModule.Of(specialization, architecture)).ToArray();
        var ptx = Encoding.ASCII.GetString(modules[0].Image.Ptx!);
        var variants = new List<Variant>();
        foreach (Match entry in Entry().Matches(ptx))
        {
            var (name, threads) = (entry.Groups[1].Value, int.Parse(entry.Groups[2].ValueSpan, CultureInfo.InvariantCulture));
            var reports = modules.Select(module => module.Kernels.First(kernel => kernel.Name == name)).ToArray();
            variants.Add(new(specialization.File.Name, name, specialization.StorageBits, threads, DynamicSharedMemory.Of(specialization, name), IsMainRoad(specialization), TileOf(specialization), reports));
        }
        return variants;
    }

    private static bool IsMainRoad(KernelSpecialization specialization) =>
        specialization.File.Name == "attention" ? specialization.Constant0 is 64 or 128 : !specialization.Definitions().Contains("-DALIGNED=0");

    private static string TileOf(KernelSpecialization specialization) => specialization.File.Name switch
    {
        "linear" => $"{specialization.Constant1} x {specialization.Constant2}",
        "attention" => $"D {specialization.Constant0}",
        _ => "",
    };

    /// <summary>Smallest and largest value of the specializations, or the one they share; a value below zero stands for its opposite.</summary>
    private static string Range(IEnumerable<Variant> row, Func<Variant, int> value)
    {
        var (least, most) = (row.Min(value), row.Max(value));
        return string.Create(CultureInfo.InvariantCulture, $"{Math.Abs(least)}{(least == most ? "" : $"-{Math.Abs(most)}")}");
    }

    private static string Version() => Interop.Nvrtc.nvrtcVersion(out var major, out var minor) == 0 ? $"{major}.{minor}" : "of unknown version";

    [GeneratedRegex(@"\.visible \.entry (\w+)\([^)]*\)\s*\.maxntid (\d+)")]
    private static partial Regex Entry();

    /// <summary>A kernel of a specialization.</summary>
    private sealed record Variant(string File, string Kernel, int StorageBits, int Threads, int DynamicSharedBytes, bool IsMainRoad, string Tile, CompilerReport[] Reports)
    {
        public int SharedBytes => DynamicSharedBytes + Reports.Max(report => report.SharedBytes);

        public int OccupancyOf(string architecture, int index) => Occupancy.Percent(architecture, Threads, Reports[index].Registers, SharedBytes);
    }
}
