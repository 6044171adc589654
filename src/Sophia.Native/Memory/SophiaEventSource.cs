using System.Diagnostics.Tracing;

namespace Sophia.Native;

/// <summary>What the engine tells the outside while it works; listen to "Sophia.Native" with dotnet-trace or an <see cref="EventListener"/>.</summary>
[EventSource(Name = "Sophia.Native")]
internal sealed class SophiaEventSource : EventSource
{
    public static readonly SophiaEventSource Log = new();

    private SophiaEventSource()
    {
    }

    /// <summary><c>auto</c> passed over a backend.</summary>
    [Event(1, Level = EventLevel.Informational, Message = "Backend {0} is not used: {1}")]
    public void BackendSkipped(string backend, string reason) => WriteEvent(1, backend, reason);
}
