namespace Sophia.Native.Cli;

/// <summary>The backends of ILGPU in a tool compiled ahead of time: it cannot have them, and says so.</summary>
internal static class IlgpuBackends
{
    private const string Reason = "this tool is compiled ahead of time, and ILGPU makes code while it runs. Take the tool that runs under the .NET runtime (dotnet run --project src/Sophia.Native.Cli), or choose cpu or cuda";

    public static IBackendProvider Provider { get; } = new AbsentProvider();

    public static IReadOnlyList<string> Report() => [$"not in this tool: {Reason}."];

    public static bool IsFault(Exception fault) => false;

    private sealed class AbsentProvider : IBackendProvider
    {
        public string Name => "ilgpu";

        public Backend Open(string device, BackendOptions options) => throw new BackendUnavailableException($"ilgpu: {Reason}.");
    }
}
