namespace Sophia.Native.Cli;

/// <summary>Options that parse but do not fit together.</summary>
/// <param name="message">What fits.</param>
internal sealed class UsageException(string message) : Exception(message);
