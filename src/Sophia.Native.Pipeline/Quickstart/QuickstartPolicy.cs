using Sophia.Native.Data.Tokenization;
using Sophia.Native.Models;
using Sophia.Native.Models.Generation;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>A quickstart model with its tokenizer: answers prompts about scenes, many at once.</summary>
internal sealed class QuickstartPolicy : IDisposable
{
    private const int Slots = 384;
    private const int PrefillTokens = 8192;

    /// <summary>Allocates the model with zero parameters.</summary>
    /// <param name="backend">Where it runs.</param>
    /// <param name="tokenizer">The quickstart's tokenizer.</param>
    /// <param name="storage">The type in which parameters and activations are stored.</param>
    /// <param name="trained">The groups that are trained.</param>
    public QuickstartPolicy(Backend backend, Qwen2Tokenizer tokenizer, ElementType storage, params ReadOnlySpan<ParameterGroup> trained)
    {
        Encoder = new(tokenizer);
        var imageToken = tokenizer.TokenToId(InternVLTokens.ImageContext) ?? throw new ArgumentException($"The tokenizer lacks {InternVLTokens.ImageContext}.", nameof(tokenizer));
        var config = QuickstartModel.CreateConfig(tokenizer.VocabularySize, imageToken, Encoder.EndOfTurn);
        Parameters = new(backend, new(config), storage, trained);
        Model = new(config, Parameters);
    }

    /// <summary>The parameters.</summary>
    public ParameterSet Parameters { get; }

    /// <summary>The model.</summary>
    public InternVL Model { get; }

    /// <summary>Texts to samples and back.</summary>
    public TaskEncoder Encoder { get; }

    /// <summary>Answers prompts.</summary>
    /// <param name="prompts">Tokens of each prompt with the picture it is about, or null; prompts about one picture should share the array and stand together.</param>
    /// <param name="maximumNewTokens">The most tokens of an answer.</param>
    /// <param name="sampling">How tokens are drawn.</param>
    /// <param name="cancellation">Ends early.</param>
    /// <returns>The answers in the order of the prompts.</returns>
    public GenerationResult[] Generate(IReadOnlyList<(int[] Prompt, float[]? Pixels)> prompts, int maximumNewTokens, SamplingOptions sampling, CancellationToken cancellation)
    {
        var requests = new GenerationRequest[prompts.Count];
        for (var i = 0; i < requests.Length; i++)
        {
            var (prompt, pixels) = prompts[i];
            requests[i] = new() { Id = $"prompt {i}", PromptIds = prompt, PixelValues = pixels, TileCount = pixels is null ? 0 : 1, SampleNumber = i };
        }
        using var generator = new Generator(Model, GeneratorPlan.For(requests, maximumNewTokens, Slots, PrefillTokens));
        return generator.Generate(requests, new() { Sampling = sampling, MaximumNewTokens = maximumNewTokens, StopIds = [Encoder.EndOfTurn] }, cancellation);
    }

    /// <summary>Frees model and parameters.</summary>
    public void Dispose()
    {
        Model.Dispose();
        Parameters.Dispose();
    }
}
