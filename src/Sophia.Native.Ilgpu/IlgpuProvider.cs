using System.Runtime.CompilerServices;

namespace Sophia.Native.Ilgpu;

/// <summary>Opens the backend under the name <c>ilgpu</c>; what follows the colon is the kind of device and its number.</summary>
internal sealed class IlgpuProvider : IBackendProvider
{
    public string Name => "ilgpu";

    public Backend Open(string device, BackendOptions options)
    {
        if (!RuntimeFeature.IsDynamicCodeSupported)
            throw new BackendUnavailableException("ilgpu: ILGPU makes code while it runs, which a program compiled ahead of time cannot do. Run it under the .NET runtime, or choose cpu or cuda.");
        return IlgpuBackend.Open(new() { Device = device });
    }
}
