namespace Sophia.Native;

/// <summary>A device has less free memory than was asked of it. The message says what was asked for, what is free and, where a plan was being served, the plan and what would fit.</summary>
public sealed class DeviceMemoryException : OutOfMemoryException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was asked for and what is free.</param>
    /// <param name="requestedBytes">Bytes that were asked for.</param>
    /// <param name="freeBytes">Bytes that are free.</param>
    /// <param name="cause">The refusal that this one explains.</param>
    public DeviceMemoryException(string message, long requestedBytes, long freeBytes, Exception? cause = null) : base(message, cause)
    {
        RequestedBytes = requestedBytes;
        FreeBytes = freeBytes;
    }

    /// <summary>Bytes that were asked for.</summary>
    public long RequestedBytes { get; }

    /// <summary>Bytes that are free on the device.</summary>
    public long FreeBytes { get; }
}
