namespace Sophia.Native.Models;

/// <summary>
/// One sequence as the model takes it: token ids, normalized pixels, and what training needs. Entry i of every list belongs to the prediction of token i;
/// the first token is predicted by nothing.
/// </summary>
public sealed record Sample
{
    /// <summary>Name of the record, for messages and outputs.</summary>
    public required string Id { get; init; }

    /// <summary>[T] token ids, T at least 1.</summary>
    public required int[] InputIds { get; init; }

    /// <summary>[I * 3 * side * side] normalized planar RGB of all tiles, or null for text alone.</summary>
    public float[]? PixelValues { get; init; }

    /// <summary>I, number of tiles.</summary>
    public int TileCount { get; init; }

    /// <summary>[T] whether the prediction of the token is trained; null where nothing is. An image token that is trained is a drawn token like others and stands for no part of an image.</summary>
    public bool[]? LossMask { get; init; }

    /// <summary>[T] rewards or advantages; null for 1.</summary>
    public float[]? TokenWeights { get; init; }

    /// <summary>[T] log-probabilities under the behavior policy, or null where it is not known.</summary>
    public float[]? BehaviorLogProbabilities { get; init; }

    /// <summary>[T] log-probabilities under the reference, or null.</summary>
    public float[]? ReferenceLogProbabilities { get; init; }

    /// <summary>The temperature at which the log-probabilities hold, and at which the sample is scored and trained.</summary>
    public float Temperature { get; init; } = 1f;

    /// <summary>T.</summary>
    public int Length => InputIds.Length;

    /// <summary>Number of tokens whose prediction is trained.</summary>
    public int TrainedTokens
    {
        get
        {
            var count = 0;
            for (var i = 1; LossMask is not null && i < LossMask.Length; i++)
                count += LossMask[i] ? 1 : 0;
            return count;
        }
    }
}
