using Sophia.Native.Models;
using Sophia.Native.Models.Generation;

namespace Sophia.Native.Pipeline.Reasoning;

/// <summary>A model of our own as reasoner: it reads the reasoning prompt as text alone.</summary>
/// <param name="model">The model.</param>
/// <param name="processor">Its processor.</param>
/// <param name="maximumNewTokens">The most tokens of an answer.</param>
/// <param name="sampling">How tokens are drawn; the seed is the request's.</param>
public sealed class ModelReasoner(InternVL model, InternVLProcessor processor, int maximumNewTokens, SamplingOptions sampling) : IReasoner
{
    /// <inheritdoc/>
    public int Concurrency => 1;

    /// <inheritdoc/>
    public Task<ReasoningAnswer> Reason(ReasoningRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        var prompt = processor.Process(Prompts.SlowThinkingSystem, request.Prompt, []);
        GenerationRequest[] requests = [new() { Id = request.Id, PromptIds = prompt.Ids, SampleNumber = request.CaptionIndex * request.AnswersPerCaption + request.AnswerIndex }];
        using var generator = new Generator(model, GeneratorPlan.For(requests, maximumNewTokens));
        var result = generator.Generate(requests, new() { Sampling = sampling with { Seed = request.Seed }, MaximumNewTokens = maximumNewTokens, StopIds = processor.StopIds }, cancellation)[0];
        return Task.FromResult(new ReasoningAnswer(processor.DecodeResponse(result.OutputIds), result.FinishReason == FinishReason.Length));
    }
}
