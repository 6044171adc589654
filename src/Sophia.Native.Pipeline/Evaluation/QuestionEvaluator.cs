using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Models.Generation;
using Sophia.Native.Pipeline.Verification;

namespace Sophia.Native.Pipeline.Evaluation;

/// <summary>Lets a policy answer questions under the slow-thinking prompt and judges the answers by rule.</summary>
/// <param name="model">The policy.</param>
/// <param name="encoder">Makes prompts of questions.</param>
public sealed class QuestionEvaluator(InternVL model, RecordEncoder encoder)
{
    private const int AnswersAtOnce = 128;

    /// <summary>Called with every generator before it begins and the number of its requests, so that progress can be shown.</summary>
    public Action<Generator, int>? Generating { get; set; }

    /// <summary>Draws answers to every question; a question's answers depend on its index and on the seed, not on the questions around it.</summary>
    /// <param name="questions">Questions with gold answers.</param>
    /// <param name="samples">Answers to a question, at least 1.</param>
    /// <param name="options">How answers are drawn.</param>
    /// <param name="receive">Called with every answer, in the order of the questions.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    /// <exception cref="InvalidDataException">A prompt does not fit the model; the message names its question.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public void Answer(IReadOnlyList<QuestionRecord> questions, int samples, GenerationOptions options, Action<EvaluatedAnswer> receive, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(questions);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(receive);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(samples);
        var atOnce = Math.Max(1, AnswersAtOnce / samples);
        for (var first = 0; first < questions.Count; first += atOnce)
            Answer(questions, first, Math.Min(atOnce, questions.Count - first), samples, options, receive, cancellation);
    }

    private void Answer(IReadOnlyList<QuestionRecord> questions, int first, int count, int samples, GenerationOptions options, Action<EvaluatedAnswer> receive, CancellationToken cancellation)
    {
        var requests = new GenerationRequest[count * samples];
        for (var i = 0; i < count; i++)
        {
            var prompt = Prompt(questions[first + i]);
            for (var sample = 0; sample < samples; sample++)
            {
                requests[i * samples + sample] = new()
                {
                    Id = questions[first + i].Location,
                    PromptIds = prompt.Ids,
                    PixelValues = prompt.PixelValues,
                    TileCount = prompt.TileCount,
                    SampleNumber = (first + i) * samples + sample,
                };
            }
        }
        using var generator = new Generator(model, GeneratorPlan.For(requests, options.MaximumNewTokens));
        Generating?.Invoke(generator, requests.Length);
        var results = generator.Generate(requests, options, cancellation);
        for (var i = 0; i < results.Length; i++)
        {
            var question = first + i / samples;
            var text = encoder.Processor.DecodeResponse(results[i].OutputIds);
            var isRight = AnswerVerifier.Verify(text, questions[question], results[i].FinishReason == FinishReason.Length);
            receive(new(question, i % samples, text, isRight, results[i].FinishReason));
        }
    }

    /// <summary>The prompt of a question: its own system message or the one for thinking slowly.</summary>
    internal ProcessedPrompt Prompt(QuestionRecord question) => encoder.Prompt(question, question.System ?? Prompts.SlowThinkingSystem);
}
