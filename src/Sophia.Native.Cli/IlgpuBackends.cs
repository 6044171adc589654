using Sophia.Native.Ilgpu;

namespace Sophia.Native.Cli;

/// <summary>The backends of ILGPU in a tool that runs under the .NET runtime; <c>IlgpuBackends.AheadOfTime.cs</c> is the same for one compiled ahead of time.</summary>
internal static class IlgpuBackends
{
    public static IBackendProvider Provider => IlgpuBackend.Provider;

    public static IReadOnlyList<string> Report() => IlgpuDiagnostics.Report();

    public static bool IsFault(Exception fault) => fault is IlgpuException;
}
