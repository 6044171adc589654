using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>The modules that are loaded on a device. The first one that has to be compiled starts the compilation of all others of its type, so that they are ready when they are asked for.</summary>
/// <param name="context">The device's context.</param>
/// <param name="store">Where images come from.</param>
/// <param name="compilesAhead">Whether modules are compiled before they are asked for.</param>
internal sealed class KernelModules(ContextHandle context, KernelStore store, bool compilesAhead) : IDisposable
{
    private readonly Dictionary<KernelSpecialization, KernelModuleHandle> _modules = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly List<Task> _ahead = [];
    private readonly HashSet<int> _typesAhead = [];

    /// <summary>A kernel, compiled and loaded if need be.</summary>
    public nint Function(KernelSpecialization specialization, string kernel)
    {
        var title = specialization.ToString();
        if (!_modules.TryGetValue(specialization, out var module))
        {
            if (!KernelCatalog.Contains(specialization))
                throw new InvalidOperationException($"{title} is not in KernelCatalog; what the backend launches is listed there.");
            module = Load(specialization, title);
            _modules.Add(specialization, module);
        }
        return module.Function(kernel, title);
    }

    public void Dispose()
    {
        _closing.Cancel();
        foreach (var task in _ahead)
            Wait(task);
        foreach (var module in _modules.Values)
            module.Dispose();
        _closing.Dispose();
    }

    private KernelModuleHandle Load(KernelSpecialization specialization, string title)
    {
        var image = store.Image(specialization);
        if (compilesAhead && !image.IsFromCache && _typesAhead.Add(specialization.StorageBits))
            _ahead.Add(Task.Run(() => store.Fill(KernelCatalog.Specializations.Where(other => other.StorageBits == specialization.StorageBits), _closing.Token)));
        try
        {
            return KernelModuleHandle.Load(context, image.Bytes, title);
        }
        catch (CudaException refusal) when (image.IsFromCache)
        {
            // A cached image may be of another driver's time; a fresh one decides.
            CudaEventSource.Log.CachedImageRefused(title, refusal.Message);
            return KernelModuleHandle.Load(context, store.Replace(specialization).Bytes, title);
        }
    }

    /// <summary>Waits for what is being compiled: the compiler must not run while the process ends.</summary>
    private static void Wait(Task task)
    {
        try
        {
            task.Wait();
        }
        catch (AggregateException ended) when (ended.InnerException is OperationCanceledException)
        {
            // What was not begun is left.
        }
    }
}
