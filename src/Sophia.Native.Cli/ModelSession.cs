using System.CommandLine;
using Sophia.Native.Cli.Profiling;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Models.Generation;
using Sophia.Native.Pipeline;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Cli;

/// <summary>A backend with a loaded model, as most verbs need it.</summary>
internal sealed class ModelSession : IDisposable
{
    private bool _isDisposed;

    private ModelSession(string folder, string? adapter, Backend backend, InternVLProcessor processor, ParameterSet parameters, InternVL model, CheckpointLayout layout)
    {
        Folder = folder;
        Adapter = adapter;
        Backend = backend;
        Processor = processor;
        Parameters = parameters;
        Model = model;
        Layout = layout;
        Encoder = new(processor);
    }

    /// <summary>The checkpoint, as it was named.</summary>
    public string Folder { get; }

    /// <summary>The adapter over the checkpoint, as it was named; null where there is none or the training begins one.</summary>
    public string? Adapter { get; }

    public Backend Backend { get; }

    public InternVLProcessor Processor { get; }

    public ParameterSet Parameters { get; }

    public InternVL Model { get; }

    public CheckpointLayout Layout { get; }

    public RecordEncoder Encoder { get; }

    /// <summary>Opens the backend that the options name, behind a profile where one is asked for.</summary>
    public static Backend OpenBackend(ParseResult parsed, bool isProfiled = true)
    {
        var reasons = new List<string>();
        var backend = Backend.Open(parsed.GetValue(SharedOptions.Backend)!, SharedOptions.BackendOptionsOf(parsed, (_, reason) => reasons.Add(reason.Split(". ")[0])));
        var skipped = string.Join("; ", reasons);
        if (!backend.Supports(SharedOptions.StorageOf(parsed)))
        {
            backend.Dispose();
            throw new UsageException($"--precision bf16: expected a backend that stores bf16, such as cpu or cuda, found {backend.Description}, which works in fp32 alone{(skipped.Length == 0 ? "" : $" ({skipped})")}: leave the option out.");
        }
        if (skipped.Length > 0)
            new CommandOutput(parsed).Note($"{skipped}; {backend.Description} is used (sophia doctor says more).");
        return isProfiled && parsed.GetValue(SharedOptions.Profile) is { } path ? new ProfilingBackend(backend, new(path, new(parsed))) : backend;
    }

    /// <summary>Loads a model, with an adapter over it where one is named.</summary>
    public static ModelSession Open(ParseResult parsed, string folder, string? adapter = null) => Open(parsed, folder, adapter, isProfiled: true, parsed.GetValue(SharedOptions.RopeLength));

    /// <summary>Loads a model with rotary positions prepared for a length; null for the adapter's own, or else the checkpoint's.</summary>
    public static ModelSession Open(ParseResult parsed, string folder, string? adapter, bool isProfiled, int? ropeLength) => Open(parsed, folder, adapter, isProfiled, ropeLength, recipe: null);

    /// <summary>Loads a model to be trained by a recipe; its adapter, if there is to be one, begins as a given one or as no change.</summary>
    public static ModelSession OpenForTraining(ParseResult parsed, string folder, Recipe recipe, string? adapter, int? ropeLength)
    {
        if (adapter is not null && recipe.Adapter is null)
            throw new UsageException("--adapter: expected a recipe with \"lora\", which trains the adapter, found one that trains the model: add \"lora\" with the adapter's rank, alpha and targets, or merge the adapter first (sophia merge).");
        return Open(parsed, folder, adapter, isProfiled: true, ropeLength, recipe);
    }

    private static ModelSession Open(ParseResult parsed, string folder, string? adapter, bool isProfiled, int? ropeLength, Recipe? recipe)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{folder}: expected a checkpoint folder with config.json and safetensors, found {(File.Exists(folder) ? "a file" : "no such folder")}.");
        var processor = InternVLProcessor.Load(folder);
        if (ropeLength is { } length)
            processor = processor.WithRopeLength(length);
        else if (adapter is not null)
            processor = WithLengthOf(adapter, processor);
        var adapted = adapter is null ? recipe?.Adapter?.Resolve(processor.Config, recipe.Freeze) : AdapterReader.ReadConfig(adapter, processor.Config);
        var backend = OpenBackend(parsed, isProfiled);
        ParameterSet? parameters = null;
        try
        {
            var layout = new ParameterLayout(processor.Config, adapted);
            parameters = new(backend, layout, SharedOptions.StorageOf(parsed), recipe is null ? [] : [.. recipe.TrainedGroups]);
            var found = CheckpointReader.Read(folder, layout, parameters);
            if (adapter is not null)
                AdapterReader.Read(adapter, layout, parameters);
            else if (adapted is not null)
                ParameterInitializer.InitializeAdapter(layout, SharedOptions.SeedOf(parsed), parameters);
            return new(folder, adapter, backend, processor, parameters, new(processor.Config, parameters, processor.ImageTokenId), found);
        }
        catch
        {
            parameters?.Dispose();
            backend.Dispose();
            throw;
        }
    }

    /// <summary>The processor with the rotary positions that an adapter was trained at, where its file names them: at others it would be another adapter.</summary>
    private static InternVLProcessor WithLengthOf(string adapter, InternVLProcessor processor)
    {
        if (AdapterReader.ReadRopeLength(adapter) is not { } length)
            return processor;
        try
        {
            return processor.WithRopeLength(length);
        }
        catch (InvalidDataException fault)
        {
            throw new InvalidDataException($"{adapter}: the adapter was trained with rope_length {length}, which does not suit this model: {fault.Message}", fault);
        }
    }

    /// <summary>The length that the rotary positions were scaled for; null for the trained one. It decides every number of the model, so that outputs say it.</summary>
    public int? RopeLength => Model.Config.Text.RopeLength;

    /// <summary>How completions of this model are drawn; no more tokens than the model has positions.</summary>
    public GenerationOptions Generation(ParseResult parsed, SamplingFlags sampling) =>
        Generation(sampling.Options(parsed), sampling.MaximumNewTokens(parsed)) with { RepetitionPenalty = sampling.RepetitionPenalty(parsed) };

    /// <summary>How completions of this model are drawn without a repetition penalty.</summary>
    public GenerationOptions Generation(SamplingOptions sampling, int maximumNewTokens) => new()
    {
        Sampling = sampling,
        MaximumNewTokens = Math.Min(maximumNewTokens, Model.MaximumPositions),
        StopIds = Processor.StopIds,
    };

    /// <summary>Refuses a model without a tokenizer before anything is written.</summary>
    /// <exception cref="InvalidDataException">It has none.</exception>
    public void RequireTokenizer() => _ = Processor.Tokenizer;

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        Model.Dispose();
        Parameters.Dispose();
        Backend.Dispose();
    }
}
