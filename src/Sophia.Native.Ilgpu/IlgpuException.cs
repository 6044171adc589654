namespace Sophia.Native.Ilgpu;

/// <summary>A kernel could not be compiled or launched. The message names the operation, the kernel and the device, and has ILGPU's own words.</summary>
public sealed class IlgpuException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Operation, kernel, device and cause.</param>
    /// <param name="cause">What ILGPU threw.</param>
    public IlgpuException(string message, Exception? cause = null) : base(message, cause)
    {
    }
}
