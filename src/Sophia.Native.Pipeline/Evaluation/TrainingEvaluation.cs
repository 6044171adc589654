using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Models.Generation;

namespace Sophia.Native.Pipeline.Evaluation;

/// <summary>
/// Measures a policy while it is trained: pass@1 of greedy answers to questions, and the mean -log p of the trained tokens of sequences that are held out. Its memory is its own and is freed after every
/// measurement; parameters, optimizer and random numbers of the training are not touched.
/// </summary>
public sealed class TrainingEvaluation
{
    private readonly InternVL _model;
    private readonly IReadOnlyList<QuestionRecord> _questions;
    private readonly IReadOnlyList<Sample> _heldOut;
    private readonly GenerationOptions _generation;

    /// <summary>Checks that everything fits the model, so that a run does not end at its first evaluation.</summary>
    /// <param name="model">The policy.</param>
    /// <param name="encoder">Makes prompts of questions.</param>
    /// <param name="questions">Questions with gold answers; may be empty.</param>
    /// <param name="heldOut">Sequences with trained tokens; may be empty.</param>
    /// <param name="generation">What ends an answer; answers are greedy whatever it says of sampling.</param>
    /// <exception cref="InvalidDataException">A question has no answer or leaves no position for one; a sequence is too long or has no trained token.</exception>
    public TrainingEvaluation(InternVL model, RecordEncoder encoder, IReadOnlyList<QuestionRecord> questions, IReadOnlyList<Sample> heldOut, GenerationOptions generation)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(questions);
        ArgumentNullException.ThrowIfNull(heldOut);
        ArgumentNullException.ThrowIfNull(generation);
        _model = model;
        _questions = questions;
        _heldOut = heldOut;
        _generation = generation with { Sampling = new() { Temperature = 0f } };
        Evaluator = new(model, encoder);
        foreach (var question in questions)
        {
            if (string.IsNullOrWhiteSpace(question.Answer))
                throw question.Error("a gold answer in \"answer\"", "none");
            if (Evaluator.Prompt(question).Ids.Length is var length && length >= model.MaximumPositions)
                throw question.Error($"a prompt of fewer than {model.MaximumPositions} tokens (max_position_embeddings)", $"{length}");
        }
        foreach (var sample in heldOut)
        {
            if (sample.Length > model.MaximumPositions)
                throw new InvalidDataException($"{sample.Id}: expected at most {model.MaximumPositions} tokens (max_position_embeddings) to evaluate on, found {sample.Length}: shorten it.");
            model.Check(sample);
            if (sample.TrainedTokens == 0)
                throw new InvalidDataException($"{sample.Id}: expected at least one trained token to evaluate on, found none: its response is empty or its loss_mask is zero.");
        }
    }

    /// <summary>Answers the questions.</summary>
    public QuestionEvaluator Evaluator { get; }

    /// <summary>Measures: <c>pass@1</c>, <c>pass@1_standard_error</c>, <c>questions</c>, <c>loss</c>, <c>loss_tokens</c>, as far as there is data for them.</summary>
    /// <param name="cancellation">Stops the measurement.</param>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public IReadOnlyList<KeyValuePair<string, double>> Measure(CancellationToken cancellation = default)
    {
        var values = new List<KeyValuePair<string, double>>();
        if (_questions.Count > 0)
        {
            var right = 0;
            Evaluator.Answer(_questions, 1, _generation, answer => right += answer.IsRight ? 1 : 0, cancellation);
            var share = Estimate.OfShare(right, _questions.Count);
            values.AddRange([new("pass@1", share.Value), new("pass@1_standard_error", share.StandardError), new("questions", _questions.Count)]);
        }
        if (_heldOut.Count > 0)
        {
            var (loss, tokens) = HeldOutLoss(cancellation);
            values.AddRange([new("loss", loss), new("loss_tokens", tokens)]);
        }
        return values;
    }

    /// <summary>The mean over all trained tokens, at temperature 1 and without weights, in double.</summary>
    private (double Loss, long Tokens) HeldOutLoss(CancellationToken cancellation)
    {
        using var scorer = new SampleScorer(_model);
        var (sum, tokens) = (0.0, 0L);
        foreach (var sample in _heldOut)
        {
            cancellation.ThrowIfCancellationRequested();
            var (logProbabilities, _) = scorer.Score(sample, 1f);
            for (var i = 1; i < sample.Length; i++)
            {
                if (!sample.LossMask![i])
                    continue;
                sum -= logProbabilities[i];
                tokens++;
            }
        }
        return (sum / tokens, tokens);
    }
}
