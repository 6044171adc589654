using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>The modules that are loaded on a device.</summary>
internal sealed class KernelModules : IDisposable
{
    private readonly ContextHandle _context;
    private readonly KernelCompiler _compiler = new(KernelSources.Open());
    private readonly Dictionary<KernelSpecialization, KernelModuleHandle> _modules = [];

    public KernelModules(ContextHandle context, int capability)
    {
        _context = context;
        Architecture = DeviceArchitecture.For(capability);
        CompilerVersion = Nvrtc.nvrtcVersion(out var major, out var minor) == 0 ? $"{major}.{minor}" : "of unknown version";
    }

    public DeviceArchitecture Architecture { get; }

    public string CompilerVersion { get; }

    /// <summary>A kernel, compiled and loaded if need be.</summary>
    public nint Function(KernelSpecialization specialization, string kernel)
    {
        var title = specialization.ToString();
        if (!_modules.TryGetValue(specialization, out var module))
        {
            var image = _compiler.Compile(specialization, Architecture);
            module = KernelModuleHandle.Load(_context, image.Bytes, title);
            _modules.Add(specialization, module);
        }
        return module.Function(kernel, title);
    }

    public void Dispose()
    {
        foreach (var module in _modules.Values)
            module.Dispose();
    }
}
