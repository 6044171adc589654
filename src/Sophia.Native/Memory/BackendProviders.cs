namespace Sophia.Native;

/// <summary>The known backends. The CPU is always there; other packages add themselves, so that the engine knows none of them.</summary>
public static class BackendProviders
{
    private static readonly Lock Gate = new();
    private static readonly List<IBackendProvider> Providers = [Cpu.CpuBackend.Provider];

    /// <summary>Adds a provider; one of the same name is replaced. Later ones come first under <c>auto</c>.</summary>
    /// <param name="provider">The provider.</param>
    public static void Add(IBackendProvider provider)
    {
        lock (Gate)
        {
            Providers.RemoveAll(known => known.Name == provider.Name);
            Providers.Insert(0, provider);
        }
    }

    internal static Backend Open(string specification, BackendOptions options)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(specification);
        IBackendProvider[] providers;
        lock (Gate)
            providers = [.. Providers];
        var colon = specification.IndexOf(':');
        var name = colon < 0 ? specification : specification[..colon];
        var device = colon < 0 ? "" : specification[(colon + 1)..];
        if (name == "auto")
            return OpenFirst(providers, options);
        foreach (var provider in providers)
        {
            if (provider.Name == name)
                return provider.Open(device, options);
        }
        var known = string.Join(", ", Array.ConvertAll(providers, provider => provider.Name));
        throw new BackendUnavailableException(
            $"Backend '{specification}' is not registered; known here: auto, {known}. Reference the package Sophia.Native.{Capitalize(name)} and add its provider, or choose one of these.");
    }

    private static Backend OpenFirst(IBackendProvider[] providers, BackendOptions options)
    {
        var tried = new List<string>();
        foreach (var provider in providers)
        {
            try
            {
                return provider.Open("", options);
            }
            catch (BackendUnavailableException unavailable)
            {
                SophiaEventSource.Log.BackendSkipped(provider.Name, unavailable.Message);
                options.Skipped?.Invoke(provider.Name, unavailable.Message);
                tried.Add($"{provider.Name}: {unavailable.Message}");
            }
        }
        throw new BackendUnavailableException("No backend can be served. " + string.Join(" ", tried));
    }

    private static string Capitalize(string name) => name.Length == 0 ? name : char.ToUpperInvariant(name[0]) + name[1..];
}
