using System.Runtime.InteropServices;
using System.Text.Json;
using Sophia.Native.Models.Files;
using Sophia.Native.Objectives;
using Xunit;

namespace Sophia.Native.Conformance.Golden;

/// <summary>One SOPHIA case of the golden objectives: 12 sequences of 40 tokens, packed end to end, with the loss and its gradient in double precision.</summary>
internal sealed class ObjectiveGolden
{
    public const int Sequences = 12;
    public const int Tokens = 40;

    private readonly string _name;
    private readonly SafetensorsFile _outputs;
    private readonly JsonElement _totals;

    private ObjectiveGolden(string name, ObjectiveOptions options, double[] weights, SafetensorsFile inputs, SafetensorsFile outputs, JsonElement totals)
    {
        _name = name;
        _outputs = outputs;
        _totals = totals;
        Options = options;
        Weights = weights;
        LogProbabilities = Doubles(inputs, "logp");
        Behavior = Doubles(inputs, "rollout_logp");
        Snapshot = Doubles(inputs, "old_logp");
        ReferenceModel = Doubles(inputs, "ref_logp");
        Mask = Array.ConvertAll(Doubles(inputs, "mask"), value => (byte)value);
        Losses = Doubles(outputs, $"{name}.loss_tok");
        for (var b = 0; b <= Sequences; b++)
            Offsets[b] = b * Tokens;
    }

    public ObjectiveOptions Options { get; }

    public double[] Weights { get; }

    public double[] LogProbabilities { get; }

    public double[] Behavior { get; }

    public double[] Snapshot { get; }

    public double[] ReferenceModel { get; }

    public byte[] Mask { get; }

    public double[] Losses { get; }

    public int[] Offsets { get; } = new int[Sequences + 1];

    /// <summary>Folder and name of every case.</summary>
    public static TheoryData<string, string> Names
    {
        get
        {
            var names = new TheoryData<string, string>();
            foreach (var folder in (string[])["moderate", "extreme"])
            {
                foreach (var name in (string[])["sophia_one", "sophia_token_clip", "sophia_token_upper", "sophia_token_unclipped", "sophia_sequence_geometric", "sophia_sequence_geometric_clip", "sophia_multiple", "sophia_advantage_kl"])
                    names.Add(folder, name);
            }
            return names;
        }
    }

    public static ObjectiveGolden Read(string folder, string name)
    {
        var path = GoldenFiles.Find(Path.Combine("objectives", folder));
        using var cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(path, "sophia_cases.json")));
        var entry = cases.RootElement.GetProperty(name);
        var parameters = entry.GetProperty("params");
        float Parameter(string key, float absent) => parameters.TryGetProperty(key, out var value) ? value.GetSingle() : absent;
        var beta = Parameter("beta", 0f);
        var options = new ObjectiveOptions
        {
            Ratio = name.Contains("multiple") ? ImportanceRatio.Multiple : name.Contains("sequence") ? ImportanceRatio.Sequence : name == "sophia_one" ? ImportanceRatio.One : ImportanceRatio.Token,
            ClipLow = Parameter("low", float.NegativeInfinity),
            ClipHigh = Parameter("high", float.PositiveInfinity),
            Divergence = beta > 0f ? DivergenceEstimator.K3 : DivergenceEstimator.None,
            DivergenceCoefficient = beta,
        };
        using var inputs = SafetensorsFile.Open(Path.Combine(path, "inputs.safetensors"));
        var perSequence = Doubles(inputs, name == "sophia_advantage_kl" ? "advantage" : "correct");
        var weights = new double[Sequences * Tokens];
        for (var n = 0; n < weights.Length; n++)
            weights[n] = perSequence[n / Tokens];
        return new(name, options, weights, inputs, SafetensorsFile.Open(Path.Combine(path, "sophia_outputs.safetensors")), entry.GetProperty("totals").Clone());
    }

    /// <summary>The loss of the batch under an average.</summary>
    public double Total(NormalizationMode mode) => _totals.GetProperty(Spelling(mode)).GetDouble();

    /// <summary>d loss / d log-probability under an average, or null where the golden set has none.</summary>
    public double[]? Gradient(NormalizationMode mode)
    {
        var key = mode == NormalizationMode.TokenMean ? $"{_name}.grad" : $"{_name}.grad@{Spelling(mode)}";
        return _outputs.TryFind(key, out _) ? Doubles(_outputs, key) : null;
    }

    private static string Spelling(NormalizationMode mode) => mode switch
    {
        NormalizationMode.TokenMean => "token-mean",
        NormalizationMode.TokenSum => "token-sum",
        NormalizationMode.SequenceMeanTokenSum => "seq-mean-token-sum",
        NormalizationMode.SequenceMeanTokenMean => "seq-mean-token-mean",
        _ => "square",
    };

    private static double[] Doubles(SafetensorsFile file, string name)
    {
        var tensor = file[name];
        Assert.Equal(FileElementType.F64, tensor.Type);
        var values = new double[tensor.ElementCount];
        tensor.ReadBytes(0, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
