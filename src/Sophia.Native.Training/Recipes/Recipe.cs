using Sophia.Native.Models;
using Sophia.Native.Objectives;

namespace Sophia.Native.Training.Recipes;

/// <summary>A training configuration. Every value has a default; the JSON form is described in the README and an unknown key is an error.</summary>
public sealed record Recipe
{
    /// <summary>What is optimized. With <see cref="ObjectiveKind.SupervisedFineTuning"/> ratio, clip bounds, behavior and divergence play no part.</summary>
    public ObjectiveKind Objective { get; init; } = ObjectiveKind.Sophia;

    /// <summary>The ratio; where a record has no behavior log-probabilities and no snapshot is asked for, it is one.</summary>
    public ImportanceRatio Ratio { get; init; } = ImportanceRatio.Token;

    /// <summary>Where log mu comes from.</summary>
    public BehaviorSource Behavior { get; init; } = BehaviorSource.Record;

    /// <summary>Lower bound of the ratio; null for none.</summary>
    public double? ClipLow { get; init; } = 0.8;

    /// <summary>Upper bound of the ratio; null for none.</summary>
    public double? ClipHigh { get; init; } = 1.28;

    /// <summary>The average over tokens.</summary>
    public NormalizationMode Normalization { get; init; } = NormalizationMode.TokenMean;

    /// <summary>Estimator of the divergence term; none by default.</summary>
    public DivergenceEstimator Divergence { get; init; } = DivergenceEstimator.None;

    /// <summary>Coefficient of the divergence term, where there is one.</summary>
    public double DivergenceCoefficient { get; init; } = 0.01;

    /// <summary>Reference of the divergence term.</summary>
    public ReferenceSource Reference { get; init; } = ReferenceSource.Initial;

    /// <summary>Constants of AdamW, with the clip norm.</summary>
    public AdamWOptions Optimizer { get; init; } = new();

    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = 2e-5;

    /// <summary>Learning rate over steps.</summary>
    public LearningRateSchedule Schedule { get; init; } = new(ScheduleShape.Cosine, 0, 0.25);

    /// <summary>Steps of the run; 0 where epochs count.</summary>
    public int Steps { get; init; }

    /// <summary>Passes over the data, where <see cref="Steps"/> is 0.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>Sequences of a step; 0 where tokens count.</summary>
    public int BatchSequences { get; init; } = 512;

    /// <summary>Tokens of a step, where <see cref="BatchSequences"/> is 0: samples are taken until it is reached.</summary>
    public int BatchTokens { get; init; }

    /// <summary>Tokens of a micro-batch.</summary>
    public int MicroBatchTokens { get; init; } = 4096;

    /// <summary>A longer sequence is an error; 0 for max_position_embeddings.</summary>
    public int MaximumSequenceTokens { get; init; }

    /// <summary>The length that dynamic NTK scaling prepares the rotary positions for, through the whole run; 0 for that of the checkpoint. The model must have been made with it: <see cref="TextConfig.RopeLength"/>.</summary>
    public int RopeLength { get; init; }

    /// <summary>An adapter that is trained in the place of the model; null to train the model.</summary>
    public AdapterRecipe? Adapter { get; init; }

    /// <summary>Groups that are not trained; with an adapter, that are not adapted.</summary>
    public IReadOnlyList<ParameterGroup> Freeze { get; init; } = [ParameterGroup.Vision, ParameterGroup.Projector];

    /// <summary>Steps between checkpoints; 0 for one at the end.</summary>
    public int CheckpointEvery { get; init; }

    /// <summary>Steps between evaluations, of which there is one after the last step too; 0 for none.</summary>
    public int EvaluateEvery { get; init; }

    /// <summary>What an evaluation measures; null where there is none.</summary>
    public EvaluationRecipe? Evaluation { get; init; }

    /// <summary>Whether every epoch visits the samples in another order.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Files that sequences are taken from in the proportion of their weights; empty where a run takes all from one.</summary>
    public IReadOnlyList<DataMixEntry> DataMix { get; init; } = [];

    /// <summary>Whether the backward pass computes the activations of a layer anew instead of keeping those of all layers (<see cref="ModelPlan.Recompute"/>); changes no number of a run.</summary>
    public bool Recompute { get; init; }

    /// <summary>Whether checkpoints store weights in bf16; the fp32 weights are then kept beside the optimizer's state.</summary>
    public bool SaveBFloat16 { get; init; }

    /// <summary>What a parameter set has to train for this recipe: the groups that are not frozen, or the adapter alone.</summary>
    public IReadOnlyList<ParameterGroup> TrainedGroups =>
        Adapter is not null ? [ParameterGroup.Adapter] : [.. new[] { ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder }.Except(Freeze)];

    /// <summary>Reads a recipe.</summary>
    /// <param name="path">A JSON file; comments and trailing commas are allowed.</param>
    /// <exception cref="InvalidDataException">The file is not JSON, a key is unknown or a value out of range; the message names file, key and what is known.</exception>
    public static Recipe Load(string path) => RecipeReader.Load(path);
}
