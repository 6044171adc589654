namespace Sophia.Native.Cli.Profiling;

/// <summary>Bytes an operation must move: every view once.</summary>
internal static class OperationBytes
{
    public static long Of(params ReadOnlySpan<DeviceView> views)
    {
        long bytes = 0;
        foreach (var view in views)
            bytes += view.Length * view.Type.Size();
        return bytes;
    }
}
