using Sophia.Native.Models;
using Sophia.Native.Models.Generation;

namespace Sophia.Native.Pipeline.Captioning;

/// <summary>The policy as captioner: every image under one constant instruction, sampled at temperature 1 unless told otherwise.</summary>
public sealed class ModelCaptioner : ICaptioner
{
    private readonly InternVL _model;
    private readonly InternVLProcessor _processor;
    private readonly int _maximumNewTokens;
    private readonly SamplingOptions _sampling;
    private readonly float _repetitionPenalty;

    /// <summary>Prepares a captioner.</summary>
    /// <param name="model">The policy.</param>
    /// <param name="processor">Its processor.</param>
    /// <param name="maximumNewTokens">The most tokens of a caption.</param>
    /// <param name="sampling">How tokens are drawn; the seed is the request's.</param>
    /// <param name="repetitionPenalty">See <see cref="GenerationOptions.RepetitionPenalty"/>.</param>
    public ModelCaptioner(InternVL model, InternVLProcessor processor, int maximumNewTokens, SamplingOptions sampling, float repetitionPenalty = 1f)
    {
        _model = model;
        _processor = processor;
        _maximumNewTokens = maximumNewTokens;
        _sampling = sampling;
        _repetitionPenalty = repetitionPenalty;
    }

    /// <inheritdoc/>
    public int PreferredRequests => 8;

    /// <inheritdoc/>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedCaption>>> Caption(IReadOnlyList<CaptionRequest> requests, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(requests);
        var prompts = new List<GenerationRequest>();
        foreach (var request in requests)
        {
            var prompt = Prompt(request.Images, request.AreFrames);
            for (var k = request.FirstIndex; k < request.FirstIndex + request.Count; k++)
            {
                prompts.Add(new()
                {
                    Id = $"caption {k} of question {request.Sample}",
                    PromptIds = prompt.Ids,
                    PixelValues = prompt.PixelValues,
                    TileCount = prompt.TileCount,
                    SampleNumber = unchecked((request.Sample << 10) + k),
                });
            }
        }
        var results = Generate(prompts, requests.Count == 0 ? 0 : requests[0].Seed, cancellation);
        var answers = new List<IReadOnlyList<GeneratedCaption>>();
        var next = 0;
        foreach (var request in requests)
        {
            var captions = new GeneratedCaption[request.Count];
            for (var i = 0; i < captions.Length; i++, next++)
                captions[i] = new(_processor.DecodeResponse(results[next].OutputIds), results[next].FinishReason == FinishReason.Length);
            answers.Add(captions);
        }
        return Task.FromResult<IReadOnlyList<IReadOnlyList<GeneratedCaption>>>(answers);
    }

    /// <summary>The prompt of a caption; a pure function of the images.</summary>
    /// <param name="images">Their paths.</param>
    /// <param name="areFrames">Whether they are the frames of a video.</param>
    public ProcessedPrompt Prompt(IReadOnlyList<string> images, bool areFrames = false) => _processor.Process(null, Prompts.CaptionInstruction, images, areFrames);

    private GenerationResult[] Generate(List<GenerationRequest> prompts, uint seed, CancellationToken cancellation)
    {
        if (prompts.Count == 0)
            return [];
        using var generator = new Generator(_model, GeneratorPlan.For(prompts, _maximumNewTokens));
        return generator.Generate(prompts, new() { Sampling = _sampling with { Seed = seed }, RepetitionPenalty = _repetitionPenalty, MaximumNewTokens = _maximumNewTokens, StopIds = _processor.StopIds }, cancellation);
    }
}
