namespace Sophia.Native;

/// <summary>A backend cannot be served on this machine; the message says what was tried.</summary>
/// <param name="message">What was tried and what to do.</param>
public sealed class BackendUnavailableException(string message) : Exception(message);
