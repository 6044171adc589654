using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Sophia.Native.Cuda.Mutations;

/// <summary>The sources of the kernels, and which operations show that one of them is broken.</summary>
internal sealed partial class KernelFolder
{
    /// <summary>Not mutated: the layer that means something else on the emulator, and the functions that have neither barriers nor bounds.</summary>
    private static readonly string[] LeftOut = ["portable.cuh", "math.cuh", "philox.cuh"];

    private static readonly Dictionary<string, string[]> OperationsOfFile = new()
    {
        ["attention.cu"] = ["AttentionForward", "AttentionBackward"],
        ["cache_append.cu"] = ["CacheAppend"],
        ["embedding.cu"] = ["EmbeddingForward", "EmbeddingBackward"],
        ["gelu.cu"] = ["GeluForward", "GeluBackward"],
        ["head.cu"] = ["HeadForward", "HeadObjective"],
        ["layernorm.cu"] = ["LayerNormForward", "LayerNormBackward"],
        // The head alone counts its rows on the device.
        ["linear.cu"] = ["LinearForward", "LinearBackwardInput", "LinearBackwardWeight", "LinearBackwardBias", "HeadForward", "HeadObjective"],
        ["linear_bias.cu"] = ["LinearBackwardBias"],
        ["objective.cu"] = ["SequenceLogRatios", "ObjectiveStatistics"],
        ["optimizer.cu"] = ["AdamW", "GradientNorm", "Fill", "Copy"],
        ["position_interpolation.cu"] = ["PositionInterpolationForward", "PositionInterpolationBackward"],
        ["residual.cu"] = ["ResidualForward", "ResidualBackward"],
        ["rewards.cu"] = ["PropagateRewards", "SelectTrajectories"],
        ["rmsnorm.cu"] = ["RmsNormForward", "RmsNormBackward"],
        ["rope.cu"] = ["Rope"],
        ["sampling.cu"] = ["SampleTokens"],
        ["swiglu.cu"] = ["SwiGluForward", "SwiGluBackward"],
        ["vision.cu"] = ["PatchExtract", "VisionTokensForward", "VisionTokensBackward", "PixelShuffleForward", "PixelShuffleBackward"],
    };

    private readonly Dictionary<string, string> _sources = [];

    /// <summary>Reads a folder.</summary>
    public KernelFolder(string folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder))
        {
            if (Path.GetExtension(path) is ".cu" or ".cuh")
                _sources.Add(Path.GetFileName(path), File.ReadAllText(path));
        }
    }

    /// <summary>A checksum of all sources.</summary>
    public string Checksum => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(_sources.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Key + pair.Value)))))[..16];

    /// <summary>All mutants, file by file.</summary>
    public List<Mutant> Mutants()
    {
        var mutants = new List<Mutant>();
        foreach (var (file, source) in _sources.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!LeftOut.Contains(file))
                mutants.AddRange(MutantFinder.Find(file, source));
        }
        return mutants;
    }

    /// <summary>The kernel files that a change of the file changes: itself, or those that include it, directly or through others.</summary>
    public IEnumerable<string> KernelFilesOf(string file) =>
        _sources.Keys.Where(name => name.EndsWith(".cu", StringComparison.Ordinal) && (name == file || Includes(name, file))).Order(StringComparer.Ordinal);

    /// <summary>The operations that run these kernels.</summary>
    public IEnumerable<string> OperationsOf(IEnumerable<string> kernelFiles) =>
        kernelFiles.SelectMany(name => OperationsOfFile.TryGetValue(name, out var known) ? known
            : throw new InvalidOperationException($"{name} is a new kernel file; its operations belong into {nameof(KernelFolder)}."));

    /// <summary>Writes all sources into a folder, one of them changed.</summary>
    public void Write(string folder, Mutant? mutant)
    {
        Directory.CreateDirectory(folder);
        foreach (var (file, source) in _sources)
            File.WriteAllText(Path.Combine(folder, file), mutant?.File == file ? mutant.Apply(source) : source);
    }

    private bool Includes(string file, string wanted)
    {
        foreach (Match include in Include().Matches(_sources[file]))
        {
            var header = include.Groups["header"].Value;
            if (header == wanted || (_sources.ContainsKey(header) && Includes(header, wanted)))
                return true;
        }
        return false;
    }

    [GeneratedRegex(@"^[ \t]*#[ \t]*include ""(?<header>[^""]+)""", RegexOptions.Multiline)]
    private static partial Regex Include();
}
