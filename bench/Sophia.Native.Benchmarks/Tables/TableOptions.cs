using System.Globalization;
using Sophia.Native.Benchmarks.Models;
using Sophia.Native.Models;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>What the tables of operations, steps and decoding have in common.</summary>
internal sealed record TableOptions
{
    public const string Usage = "--config FILE|medium, --vocabulary V, --backend NAME, --numerics invariant|fast, --precision fp32|bf16, --moments fp32|bf16, --tokens N, --sequence T, --tiles I, --batch B, --new-tokens N, --recompute yes|no, --anchors yes|no, --rounds N, --filter TEXT, --out FILE";

    /// <summary>The model whose sizes the table is for; <c>medium</c> is <see cref="SyntheticModel.MediumConfig"/>.</summary>
    public InternVLConfig Config { get; private init; } = null!;

    /// <summary>V, where it is to be another than the configuration's; 0 for that.</summary>
    public int Vocabulary { get; private init; }

    /// <summary>The model's name in the title: the file's.</summary>
    public string ConfigName { get; private init; } = "";

    public string Backend { get; private init; } = "cpu";

    public Numerics Numerics { get; private init; }

    public ElementType Storage { get; private init; } = ElementType.Float32;

    /// <summary>In what the optimizer keeps its moments.</summary>
    public ElementType Moments { get; private init; } = ElementType.Float32;

    /// <summary>N, packed tokens.</summary>
    public int Tokens { get; private init; } = 16_384;

    /// <summary>T, tokens of a sequence.</summary>
    public int SequenceTokens { get; private init; } = 4096;

    /// <summary>I, image tiles of a batch.</summary>
    public int Tiles { get; private init; } = 8;

    /// <summary>B, sequences that are decoded at once.</summary>
    public int Batch { get; private init; } = 1;

    public int NewTokens { get; private init; } = 128;

    public int Rounds { get; private init; } = 7;

    /// <summary>Whether a training step keeps what enters a layer alone and runs the layer again on the way back.</summary>
    public bool Recompute { get; private init; }

    /// <summary>Whether the table of operations measures bandwidth and product rate first; without them there are no shares, and the memory of the process is that of the operations.</summary>
    public bool Anchors { get; private init; } = true;

    /// <summary>Only operations whose name contains this.</summary>
    public string Filter { get; private init; } = "";

    /// <summary>A file that gets the table too.</summary>
    public string? Output { get; private init; }

    /// <summary>Opens the backend that the options name.</summary>
    public Backend OpenBackend() => Native.Backend.Open(Backend, new() { Numerics = Numerics });

    /// <summary>Reads the options.</summary>
    /// <exception cref="ArgumentException">An option is unknown or has no usable value.</exception>
    public static TableOptions Parse(ReadOnlySpan<string> arguments)
    {
        var options = new TableOptions();
        var config = "models/internvl3-1b.json";
        for (var i = 0; i < arguments.Length; i += 2)
        {
            var (name, value) = (arguments[i], i + 1 < arguments.Length ? arguments[i + 1] : "");
            if (name == "--config")
                config = value;
            else
                options = options.With(name, value);
        }
        var model = config == "medium" ? SyntheticModel.MediumConfig : InternVLConfig.Load(config);
        return options with
        {
            Config = options.Vocabulary == 0 ? model : model with { Text = model.Text with { VocabularySize = options.Vocabulary } },
            ConfigName = Path.GetFileNameWithoutExtension(config),
            SequenceTokens = Math.Min(options.SequenceTokens, options.Tokens),
        };
    }

    private TableOptions With(string name, string value) => name switch
    {
        "--backend" => this with { Backend = value },
        "--numerics" when value is "invariant" or "fast" => this with { Numerics = value == "fast" ? Numerics.Fast : Numerics.Invariant },
        "--numerics" => throw new ArgumentException($"{name}: expected invariant or fast, found '{value}'."),
        "--precision" => this with { Storage = Type(name, value) },
        "--moments" => this with { Moments = Type(name, value) },
        "--vocabulary" => this with { Vocabulary = Count(name, value) },
        "--tokens" => this with { Tokens = Count(name, value) },
        "--sequence" => this with { SequenceTokens = Count(name, value) },
        "--tiles" => this with { Tiles = Count(name, value) },
        "--batch" => this with { Batch = Count(name, value) },
        "--new-tokens" => this with { NewTokens = Count(name, value) },
        "--rounds" => this with { Rounds = Count(name, value) },
        "--recompute" => this with { Recompute = YesOrNo(name, value) },
        "--anchors" => this with { Anchors = YesOrNo(name, value) },
        "--filter" => this with { Filter = value },
        "--out" => this with { Output = value },
        _ => throw new ArgumentException($"Unknown option '{name}'. Known: {Usage}"),
    };

    private static bool YesOrNo(string name, string value) => value switch { "yes" => true, "no" => false, _ => throw new ArgumentException($"{name}: expected yes or no, found '{value}'.") };

    private static ElementType Type(string name, string value) =>
        value switch { "fp32" => ElementType.Float32, "bf16" => ElementType.BFloat16, _ => throw new ArgumentException($"{name}: expected fp32 or bf16, found '{value}'.") };

    private static int Count(string name, string value) =>
        int.TryParse(value, CultureInfo.InvariantCulture, out var count) && count > 0 ? count : throw new ArgumentException($"{name}: expected a positive number, found '{value}'.");
}
