namespace Sophia.Native;

/// <summary>Opens backends of one kind.</summary>
public interface IBackendProvider
{
    /// <summary>The name before the colon of a specification, such as <c>cuda</c>.</summary>
    string Name { get; }

    /// <summary>Opens the backend, or throws <see cref="BackendUnavailableException"/> with all that was tried.</summary>
    /// <param name="device">What follows the colon; empty for the first device.</param>
    /// <param name="options">Options of the caller.</param>
    Backend Open(string device, BackendOptions options);
}
