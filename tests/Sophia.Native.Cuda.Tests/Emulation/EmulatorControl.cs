using System.Runtime.InteropServices;
using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda.Tests.Emulation;

/// <summary>The emulator's own entry points: faults to inject, and counts of what is alive. Its options are those of the process, so that tests that set them run alone (<see cref="Alone"/>).</summary>
internal sealed unsafe class EmulatorControl : IDisposable
{
    private static readonly string[] DeviceKinds = ["contexts", "allocations", "streams", "events", "modules", "graphs"];

    /// <summary>Takes control; everything is reset at the end.</summary>
    public EmulatorControl()
    {
        if (Emulator.IsReplacedByGpu)
            Assert.Skip("Faults are injected through the emulator.");
        if (Emulator.WhyNot is { } reason)
            Assert.Skip(reason);
        CudaDevice.RequireDriver();
        Configure("print", "0");
    }

    /// <summary>Sets an option or a fault.</summary>
    public void Configure(string key, string value) => Assert.True(TryConfigure(key, value), $"The emulator does not know {key} {value}.");

    /// <summary>Lets a call fail: the count-th from now on, or every one with 0.</summary>
    public void FailCall(string name, int count, CudaResult result) => Configure("fail-call", $"{name} {count} {(int)result}");

    /// <summary>Whatever is alive on a device, in words that can be compared.</summary>
    public string Alive(int device)
    {
        var kinds = Array.ConvertAll(DeviceKinds, kind => $"{kind} {Count(kind, device)}");
        return $"{string.Join(", ", kinds)}, pinned {Count("pinned-allocations", 0)}";
    }

    public long Count(string what, int device)
    {
        var count = (delegate* unmanaged<byte*, int, long>)NativeLibrary.GetExport(CudaLibraries.Driver.Handle, "emulator_count");
        fixed (byte* name = Text(what))
            return count(name, device);
    }

    public void Dispose()
    {
        TryConfigure("reset", "");
        TryConfigure("print", "1");
    }

    private static bool TryConfigure(string key, string value)
    {
        var configure = (delegate* unmanaged<byte*, byte*, int>)NativeLibrary.GetExport(CudaLibraries.Driver.Handle, "emulator_configure");
        fixed (byte* keyText = Text(key), valueText = Text(value))
            return configure(keyText, valueText) == 0;
    }

    private static byte[] Text(string text) => [.. System.Text.Encoding.UTF8.GetBytes(text), 0];
}
