using Sophia.Native.Models.Files;

namespace Sophia.Native.Models;

/// <summary>
/// A low-rank adapter (LoRA, https://arxiv.org/abs/2106.09685): beside the weight W of each named linear layer, which stays as it is, two small matrices are trained, A [rank, C] and B [O, rank]:
/// y = x W^T + b + alpha / rank * (x A^T) B^T.
/// </summary>
public sealed class AdapterConfig
{
    /// <summary>The largest rank that is taken.</summary>
    public const int MaximumRank = 1 << 14;

    /// <summary>Names what is adapted.</summary>
    /// <param name="rank">Rows of A and columns of B.</param>
    /// <param name="alpha">The product of A and B counts alpha / rank times.</param>
    /// <param name="modules">Paths of linear layers, as transformers' InternVLForConditionalGeneration names them in memory (<c>model.language_model.layers.0.self_attn.q_proj</c>).</param>
    /// <exception cref="ArgumentException">The rank or alpha is out of range, or there is no module, or one of them twice.</exception>
    public AdapterConfig(int rank, double alpha, IReadOnlyList<string> modules)
    {
        ArgumentNullException.ThrowIfNull(modules);
        if (rank is < 1 or > MaximumRank)
            throw new ArgumentException($"Expected a rank from 1 to {MaximumRank}, found {rank}.", nameof(rank));
        if (!(alpha > 0 && alpha <= float.MaxValue))
            throw new ArgumentException(FormattableString.Invariant($"Expected an alpha above 0, found {alpha}."), nameof(alpha));
        if (modules.Count == 0)
            throw new ArgumentException("Expected at least one linear layer to adapt, found none.", nameof(modules));
        var distinct = new HashSet<string>(StringComparer.Ordinal);
        foreach (var module in modules)
        {
            if (!distinct.Add(module))
                throw new ArgumentException($"Expected every linear layer once, found {module} twice.", nameof(modules));
        }
        Rank = rank;
        Alpha = alpha;
        Modules = [.. modules];
    }

    /// <summary>Rows of A and columns of B.</summary>
    public int Rank { get; }

    /// <summary>The product of A and B counts alpha / rank times.</summary>
    public double Alpha { get; }

    /// <summary>Paths of the adapted linear layers.</summary>
    public IReadOnlyList<string> Modules { get; }

    /// <summary>alpha / rank.</summary>
    public double Scale => Alpha / Rank;

    /// <summary>
    /// Finds the linear layers that targets mean, in PEFT's way: a target is a module's whole path or what it ends with after a dot, such as <c>q_proj</c>. The head, the embedding and the patch embedding, which
    /// PEFT's "all-linear" leaves out too, cannot be adapted.
    /// </summary>
    /// <param name="config">The model.</param>
    /// <param name="rank">Rows of A and columns of B.</param>
    /// <param name="alpha">The product of A and B counts alpha / rank times.</param>
    /// <param name="targets">Paths or their ends; null for all linear layers.</param>
    /// <param name="groups">The parts of the model to look in.</param>
    /// <exception cref="InvalidDataException">A target means nothing in these parts of the model.</exception>
    public static AdapterConfig Resolve(InternVLConfig config, int rank, double alpha, IReadOnlyList<string>? targets, params ReadOnlySpan<ParameterGroup> groups)
    {
        var candidates = new List<LinearModule>();
        foreach (var module in LinearModule.Of(config))
        {
            if (groups.Contains(module.Group))
                candidates.Add(module);
        }
        foreach (var target in targets ?? [])
        {
            if (!candidates.Exists(module => IsMeant(module, target)))
                throw new InvalidDataException($"Expected targets among the linear layers of {Describe(groups)}, which are {Ends(candidates)}, found \"{target}\"{FrozenHint(config, target)}.");
        }
        var paths = new List<string>();
        foreach (var module in candidates)
        {
            if (targets is null || targets.Any(target => IsMeant(module, target)))
                paths.Add(module.Path);
        }
        return paths.Count > 0 ? new(rank, alpha, paths) : throw new InvalidDataException($"Expected linear layers to adapt in {Describe(groups)}, found none: name targets, and leave the parts they lie in out of \"freeze\".");
    }

    private static bool IsMeant(LinearModule module, string target) =>
        module.Path == target || (module.Path.Length > target.Length && module.Path.EndsWith(target, StringComparison.Ordinal) && module.Path[^(target.Length + 1)] == '.');

    private static string FrozenHint(InternVLConfig config, string target)
    {
        foreach (var module in LinearModule.Of(config))
        {
            if (IsMeant(module, target))
                return $", which lies in the part {module.Group.ToString().ToLowerInvariant()}: leave that out of \"freeze\" to adapt it";
        }
        return "";
    }

    private static string Describe(ReadOnlySpan<ParameterGroup> groups) =>
        groups.IsEmpty ? "no part of the model" : string.Join(", ", groups.ToArray().Select(group => group.ToString().ToLowerInvariant()));

    /// <summary>The last names of the paths, each once, in the order of the forward pass.</summary>
    private static string Ends(List<LinearModule> modules) =>
        modules.Count == 0 ? "none" : string.Join(", ", modules.Select(module => module.Path[(module.Path.LastIndexOf('.') + 1)..]).Distinct(StringComparer.Ordinal));
}
