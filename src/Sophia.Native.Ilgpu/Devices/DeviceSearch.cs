using System.Globalization;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Sophia.Native.Ilgpu.Devices;

/// <summary>
/// The devices of this machine as ILGPU sees them, and why it refuses others. The CPU accelerator comes in two shapes: <c>cpu:0</c> with groups of 16 threads in warps of 4, <c>cpu:1</c> with groups of up
/// to 64 threads in warps of 32 as GPUs have.
/// </summary>
internal sealed class DeviceSearch : IDisposable
{
    private readonly List<(string Name, Device Device)> _devices = [];
    private readonly List<string> _refused = [];
    private Context? _context;

    public DeviceSearch()
    {
        _context = Context.Create(builder =>
        {
            // Not the fast mode, whose approximations have other bits.
            builder.Math(MathMode.Default);
            builder.Inlining(InliningMode.Aggressive);
            Try("cuda", "cuda", () => builder.Cuda(Accepts));
            Try("opencl", "OpenCL", () => builder.OpenCL(Accepts));
            builder.CPU(CPUDevice.Default);
            builder.CPU(new CPUDevice(32, 2, 1));
        });
        Add("cuda", _context.GetCudaDevices());
        Add("opencl", _context.GetCLDevices());
        Add("cpu", _context.GetCPUDevices());
    }

    /// <summary>The devices that can be opened, by name, and those that cannot with the reason: the words for an error and for the report.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            var lines = _devices.ConvertAll(entry => $"{entry.Name}: {Describe(entry.Device)}");
            lines.AddRange(_refused);
            return lines;
        }
    }

    /// <summary>The device of a specification such as <c>opencl:1</c>; for an empty one the first GPU. The CPU accelerator must be asked for, because it is far slower than the backend cpu.</summary>
    /// <exception cref="BackendUnavailableException">There is none; the message lists all devices.</exception>
    public (string Name, Device Device) Find(string specification)
    {
        if (specification.Length == 0)
        {
            foreach (var entry in _devices)
            {
                if (entry.Device is CudaDevice or CLDevice { DeviceType: not CLDeviceType.CL_DEVICE_TYPE_CPU })
                    return entry;
            }
            throw Unavailable("there is no GPU that ILGPU can use. The CPU accelerator (ilgpu:cpu) and OpenCL on a CPU must be asked for by name");
        }
        var colon = specification.IndexOf(':');
        var kind = colon < 0 ? specification : specification[..colon];
        var number = 0;
        if (kind is not ("cuda" or "opencl" or "cpu") || (colon >= 0 && !int.TryParse(specification.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out number)))
            throw Unavailable($"expected cuda, opencl or cpu with an optional number, such as ilgpu:opencl:1, found 'ilgpu:{specification}'");
        var wanted = $"{kind}:{number}";
        foreach (var entry in _devices)
        {
            if (entry.Name == wanted)
                return entry;
        }
        throw Unavailable($"there is no device {wanted}");
    }

    /// <summary>The context, which is the caller's from now on.</summary>
    public Context TakeContext()
    {
        var context = _context!;
        _context = null;
        return context;
    }

    public void Dispose() => _context?.Dispose();

    public BackendUnavailableException Unavailable(string reason) => new($"ilgpu: {reason}. Devices: {string.Join("; ", Lines)}.");

    public static string Describe(Device device) =>
        $"{device.Name}, groups of up to {device.MaxNumThreadsPerGroup} threads, warps of {device.WarpSize}, {device.NumMultiprocessors} {(device.NumMultiprocessors == 1 ? "multiprocessor" : "multiprocessors")}";

    private void Try(string kind, string library, Action enumerate)
    {
        var count = _refused.Count;
        if (!NativeNames.IsFound(library))
        {
            _refused.Add($"{kind}: no library ({NativeNames.Report(library)})");
            return;
        }
        try
        {
            enumerate();
        }
        catch (Exception refusal) when (refusal is AcceleratorException or DllNotFoundException or EntryPointNotFoundException or NotSupportedException or TypeInitializationException)
        {
            _refused.Add($"{kind}: {refusal.Message.ReplaceLineEndings(" ")} ({NativeNames.Report(library)})");
            return;
        }
        if (_refused.Count == count)
            _refused.Add($"{kind}: no other device ({NativeNames.Report(library)})");
    }

    private bool Accepts(CudaDevice device)
    {
        if (device.Architecture.HasValue && device.InstructionSet.HasValue)
            return true;
        _refused.Add($"cuda: {device.Name} is refused: ILGPU knows neither its architecture nor the driver's instruction set");
        return false;
    }

    private bool Accepts(CLDevice device)
    {
        if (device.Capabilities.GenericAddressSpace)
            return true;
        _refused.Add($"opencl: {device.Name} of {device.PlatformName} is refused: it has no generic address space (OpenCL 2.0, or 3.0 with that feature), which ILGPU needs");
        return false;
    }

    private void Add<TDevice>(string kind, Context.DeviceCollection<TDevice> devices)
        where TDevice : Device
    {
        var number = 0;
        foreach (var device in devices)
            _devices.Add(($"{kind}:{number++}", device));
    }
}
