using System.Globalization;

namespace Sophia.Native.Cuda;

/// <summary>Opens the backend under the name <c>cuda</c>; what follows the colon is the device's number.</summary>
internal sealed class CudaProvider : IBackendProvider
{
    public string Name => "cuda";

    public Backend Open(string device, BackendOptions options)
    {
        var number = 0;
        if (device.Length > 0 && !int.TryParse(device, NumberStyles.None, CultureInfo.InvariantCulture, out number))
            throw new BackendUnavailableException($"cuda: expected the number of a device, such as cuda:0, found 'cuda:{device}'.");
        try
        {
            return CudaBackend.Open(new() { Device = number, Numerics = options.Numerics });
        }
        catch (Exception refusal) when (refusal is CudaException or DeviceMemoryException)
        {
            // A device that is in use by another process, or full, is not available: auto goes on to the next backend.
            throw new BackendUnavailableException($"cuda: device {number} cannot be opened. {refusal.Message}");
        }
    }
}
