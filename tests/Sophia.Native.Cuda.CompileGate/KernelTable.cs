using System.Globalization;
using System.Text;
using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>The table of registers and shared memory in kernels/README.md.</summary>
internal static class KernelTable
{
    public static string Write()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"| kernel | specialization | registers {string.Join(" / ", CompiledModule.Architectures)} | bound | static shared memory | spills |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach (var specialization in KernelCatalog.Specializations.OrderBy(specialization => specialization.ToString(), StringComparer.Ordinal))
        {
            var modules = CompiledModule.Architectures.Select(architecture => CompiledModule.Of(specialization, architecture)).ToArray();
            foreach (var name in modules[0].Kernels.Select(kernel => kernel.Name).Order(StringComparer.Ordinal))
            {
                var reports = modules.Select(module => module.Kernels.First(kernel => kernel.Name == name)).ToArray();
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"| {name} | {string.Join(' ', specialization.Definitions().Select(definition => definition[2..]))} | {string.Join(" / ", reports.Select(report => report.Registers))} | {Expectations.RegistersOf(name)} | {reports.Max(report => report.SharedBytes)} | {reports.Max(report => report.SpillBytes)} |");
            }
        }
        return text.ToString();
    }
}
