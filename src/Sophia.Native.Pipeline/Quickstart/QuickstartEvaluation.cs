using Sophia.Native.Models.Generation;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>Held-out scenes and questions, the same for every arm.</summary>
internal sealed class QuickstartEvaluation
{
    private readonly Scene[] _scenes;
    private readonly float[][] _pixels;
    private readonly PriceQuestion[] _questions;
    private readonly string[] _golds;

    /// <summary>Draws scenes and questions from a world of their own.</summary>
    /// <param name="world">The world of the held-out scenes.</param>
    /// <param name="count">Number of questions, a scene each.</param>
    public QuickstartEvaluation(World world, int count)
    {
        _scenes = new Scene[count];
        _pixels = new float[count][];
        _questions = new PriceQuestion[count];
        _golds = new string[count];
        for (var i = 0; i < count; i++)
        {
            _scenes[i] = world.CreateScene(i);
            _pixels[i] = TaskEncoder.RenderPixels(_scenes[i]);
            _questions[i] = world.CreateQuestion(i);
            _golds[i] = _questions[i].AnswerText(_scenes[i]);
        }
    }

    /// <summary>The scenes.</summary>
    public IReadOnlyList<Scene> Scenes => _scenes;

    /// <summary>The questions.</summary>
    public IReadOnlyList<PriceQuestion> Questions => _questions;

    /// <summary>The gold answers.</summary>
    public IReadOnlyList<string> Golds => _golds;

    /// <summary>Answers every question.</summary>
    /// <param name="policy">The model.</param>
    /// <param name="slow">With the slow-thinking prompt, or directly.</param>
    /// <param name="maximumNewTokens">The most tokens of a response.</param>
    /// <param name="sampling">How tokens are drawn.</param>
    /// <param name="cancellation">Ends early.</param>
    public QuickstartScore Answer(QuickstartPolicy policy, bool slow, int maximumNewTokens, SamplingOptions sampling, CancellationToken cancellation)
    {
        var prompts = new (int[], float[]?)[_scenes.Length];
        for (var i = 0; i < prompts.Length; i++)
            prompts[i] = (policy.Encoder.EncodePrompt(slow ? WorldLanguage.SlowSystemMessage : WorldLanguage.PlainSystemMessage, _questions[i].Text, hasImage: true), _pixels[i]);
        var results = policy.Generate(prompts, maximumNewTokens, sampling, cancellation);
        var responses = new string[results.Length];
        var right = new bool[results.Length];
        var claims = new ClaimCounts(0, 0);
        long tokens = 0;
        for (var i = 0; i < results.Length; i++)
        {
            // A truncated response has no answer, whatever stands in its last box.
            var text = policy.Encoder.Decode(results[i].OutputIds);
            responses[i] = results[i].FinishReason == FinishReason.Stop ? text : text + " [cut]";
            right[i] = results[i].FinishReason == FinishReason.Stop && QuickstartMetrics.IsRight(responses[i], _golds[i]);
            claims += QuickstartMetrics.CountClaims(text, _scenes[i]);
            tokens += results[i].OutputIds.Length;
        }
        return new(right, claims, (double)tokens / results.Length, responses);
    }

    /// <summary>Captions of the first scenes at temperature 1 against the truth.</summary>
    /// <param name="policy">The model.</param>
    /// <param name="count">Number of scenes.</param>
    /// <param name="seed">Seed of the sampling.</param>
    /// <param name="cancellation">Ends early.</param>
    public CaptionScore Caption(QuickstartPolicy policy, int count, ulong seed, CancellationToken cancellation)
    {
        var prompt = policy.Encoder.EncodePrompt(WorldLanguage.PlainSystemMessage, WorldLanguage.CaptionInstruction, hasImage: true);
        var prompts = new (int[], float[]?)[Math.Min(count, _scenes.Length)];
        for (var i = 0; i < prompts.Length; i++)
            prompts[i] = (prompt, _pixels[i]);
        var score = new CaptionScore();
        var results = policy.Generate(prompts, QuickstartRound.MaximumCaptionTokens, new() { Seed = seed }, cancellation);
        for (var i = 0; i < results.Length; i++)
            score += QuickstartMetrics.ScoreCaption(policy.Encoder.Decode(results[i].OutputIds), _scenes[i]);
        return score;
    }
}
