namespace Sophia.Native.Models;

/// <summary>
/// Every parameter of a model and its place in one flat arena. Parameters of one group and one decay rule lie side by side
/// (vision, projector, decoder, and the adapter where there is one; in each the decaying ones first), so that freezing and weight decay act on contiguous ranges.
/// </summary>
public sealed class ParameterLayout
{
    /// <summary>Every parameter begins at a multiple of this many elements: 64 bytes of float, a cache line and an AVX-512 register, or 32 bytes of BFloat16.</summary>
    public const int Alignment = 16;

    private readonly Dictionary<string, Parameter> _byName;

    /// <summary>Lays out the parameters of a model.</summary>
    /// <param name="config">The model.</param>
    /// <param name="adapter">What adapts it; null for nothing.</param>
    /// <exception cref="ArgumentException">The configuration contradicts itself, or the adapter names a linear layer that the model lacks.</exception>
    public ParameterLayout(InternVLConfig config, AdapterConfig? adapter = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        Adapter = adapter;

        var declared = ParameterTable.Declare(config);
        if (adapter is not null)
        {
            AdaptedModules = FindModules(config, adapter);
            ParameterTable.DeclareAdapter(declared, adapter.Rank, AdaptedModules);
        }
        var parameters = new List<Parameter>(declared.Count);
        var segments = new List<ParameterSegment>(6);
        long offset = 0;
        foreach (var group in Enum.GetValues<ParameterGroup>())
        {
            if (group == ParameterGroup.Adapter && adapter is null) continue;
            foreach (var decays in (ReadOnlySpan<bool>)[true, false])
            {
                var start = offset;
                foreach (var parameter in declared)
                {
                    if (parameter.Group != group || parameter.Decays != decays) continue;
                    parameters.Add(parameter with { Offset = offset });
                    ParameterCount += parameter.Length;
                    offset = (offset + parameter.Length + Alignment - 1) / Alignment * Alignment;
                }
                segments.Add(new ParameterSegment(group, decays, start, offset - start));
            }
        }
        ElementCount = offset;
        Parameters = parameters.AsReadOnly();
        Segments = segments.AsReadOnly();
        _byName = new Dictionary<string, Parameter>(parameters.Count, StringComparer.Ordinal);
        foreach (var parameter in parameters) _byName.Add(parameter.Name, parameter);
    }

    /// <summary>The model.</summary>
    public InternVLConfig Config { get; }

    /// <summary>What adapts the model, or null.</summary>
    public AdapterConfig? Adapter { get; }

    /// <summary>All parameters in the order of the arena.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The ranges of one group and one decay rule, in the order of the arena.</summary>
    public IReadOnlyList<ParameterSegment> Segments { get; }

    /// <summary>Number of parameters of the model, without padding.</summary>
    public long ParameterCount { get; }

    /// <summary>Number of elements of the arena, with padding.</summary>
    public long ElementCount { get; }

    /// <summary>The adapted linear layers in the order of the forward pass.</summary>
    internal IReadOnlyList<LinearModule> AdaptedModules { get; } = [];

    /// <summary>The parameter of a name.</summary>
    /// <param name="name">Canonical name.</param>
    /// <exception cref="KeyNotFoundException">The model has no such parameter.</exception>
    public Parameter this[string name] =>
        _byName.TryGetValue(name, out var parameter) ? parameter : throw new KeyNotFoundException($"This model has no parameter named \"{name}\".");

    /// <summary>Looks a parameter up.</summary>
    /// <param name="name">Canonical name.</param>
    /// <param name="parameter">The parameter found.</param>
    /// <returns>Whether the model has it.</returns>
    public bool TryFind(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Parameter? parameter) => _byName.TryGetValue(name, out parameter);

    /// <summary>The contiguous range of a whole group, decaying and not.</summary>
    /// <param name="group">The part of the model.</param>
    /// <returns>First element and number of elements, with padding; nothing at the end for the adapter of a model that has none.</returns>
    public (long Offset, long Length) RangeOf(ParameterGroup group)
    {
        long start = -1, end = 0;
        foreach (var segment in Segments)
        {
            if (segment.Group != group) continue;
            if (start < 0) start = segment.Offset;
            end = segment.Offset + segment.Length;
        }
        if (group == ParameterGroup.Adapter && Adapter is null) return (ElementCount, 0);
        return start < 0 ? throw new ArgumentOutOfRangeException(nameof(group), group, "Not a group.") : (start, end - start);
    }

    /// <summary>Number of parameters of a group, without padding.</summary>
    /// <param name="group">The part of the model.</param>
    /// <returns>The count.</returns>
    public long CountOf(ParameterGroup group)
    {
        long count = 0;
        foreach (var parameter in Parameters)
        {
            if (parameter.Group == group) count += parameter.Length;
        }
        return count;
    }

    private static List<LinearModule> FindModules(InternVLConfig config, AdapterConfig adapter)
    {
        var wanted = new HashSet<string>(adapter.Modules, StringComparer.Ordinal);
        var modules = new List<LinearModule>();
        foreach (var module in LinearModule.Of(config))
        {
            if (wanted.Remove(module.Path)) modules.Add(module);
        }
        return wanted.Count == 0 ? modules : throw new ArgumentException($"Expected an adapter of linear layers of this model, found {wanted.First()}, which it lacks.", nameof(adapter));
    }
}
