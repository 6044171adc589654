using Sophia.Native.Models;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>The quickstart's InternVL in the small: one tile of 56 pixels becomes four visual tokens, one a cell of the world.</summary>
internal static class QuickstartModel
{
    private const uint InitializationPurpose = 0x494E_4954;

    /// <summary>The configuration: vision encoder of 2 layers x 64, decoder of 3 layers x 128 with 4 query and 2 key-value heads.</summary>
    /// <param name="vocabularySize">Of the quickstart's tokenizer.</param>
    /// <param name="imageTokenId">Its token for visual positions.</param>
    /// <param name="endOfTurnId">Its token at the end of a turn.</param>
    public static InternVLConfig CreateConfig(int vocabularySize, int imageTokenId, int endOfTurnId) => new()
    {
        Vision = new()
        {
            HiddenSize = 64,
            LayerCount = 2,
            HeadCount = 2,
            FeedForwardSize = 256,
            ImageSize = SceneRenderer.ImagePixels,
            PatchSize = 14,
            Normalization = VisionNormalization.LayerNorm,
            HasQueryKeyValueBias = true,
            HasQueryKeyNorm = false,
        },
        Text = new()
        {
            Architecture = TextArchitecture.Qwen2,
            HiddenSize = 128,
            LayerCount = 3,
            HeadCount = 4,
            KeyValueHeadCount = 2,
            HeadSize = 32,
            FeedForwardSize = 256,
            VocabularySize = vocabularySize,
            NormEpsilon = 1e-6,
            RopeTheta = 10_000,
            MaxPositionEmbeddings = 512,
            EndOfSequenceTokenIds = new([endOfTurnId]),
        },
        TileSize = SceneRenderer.ImagePixels,
        SystemMessage = WorldLanguage.PlainSystemMessage,
        MaxDynamicPatch = 1,
        ImageTokenId = imageTokenId,
    };

    /// <summary>
    /// Random weights for quick learning: linear layers N(0, (0.7 / sqrt(fan-in))^2), those that write into the residual stream smaller by sqrt(2 L), embeddings 0.05, class token and positions 0.02,
    /// layer scales 0.1, norms 1, biases 0. Element i of a parameter is a function of (seed, parameter, i).
    /// </summary>
    /// <param name="parameters">Overwritten.</param>
    /// <param name="seed">The seed.</param>
    public static void Initialize(ParameterSet parameters, ulong seed)
    {
        var text = parameters.Layout.Config.Text;
        for (var index = 0; index < parameters.Layout.Parameters.Count; index++)
        {
            var parameter = parameters.Layout.Parameters[index];
            var values = new float[parameter.Length];
            if (parameter.Decays)
                FillNormal(values, Deviation(parameter, text.LayerCount), (uint)index, seed);
            else if (parameter.Name.EndsWith("scale1", StringComparison.Ordinal) || parameter.Name.EndsWith("scale2", StringComparison.Ordinal))
                Array.Fill(values, 0.1f);
            else if (parameter.Name.EndsWith("weight", StringComparison.Ordinal))
                Array.Fill(values, 1f);
            parameters.Write(parameter, 0, values);
        }
    }

    private static double Deviation(Parameter parameter, int layers)
    {
        if (parameter.Name is "vision.class_token" or "vision.positions")
            return 0.02;
        if (parameter.Name == "decoder.embedding")
            return 0.05;
        var deviation = 0.7 / Math.Sqrt(parameter.Columns);
        var writesResidual = parameter.Name.StartsWith("decoder.layers.", StringComparison.Ordinal)
            && (parameter.Name.EndsWith("output.weight", StringComparison.Ordinal) || parameter.Name.EndsWith("down.weight", StringComparison.Ordinal));
        return writesResidual ? deviation / Math.Sqrt(2 * layers) : deviation;
    }

    private static void FillNormal(Span<float> values, double deviation, uint parameter, ulong seed)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(deviation * NormalDistribution.FromWord(Philox.Block((uint)i, parameter, 0, InitializationPurpose, seed).X0));
    }
}
