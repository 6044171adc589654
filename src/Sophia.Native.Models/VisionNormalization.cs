namespace Sophia.Native.Models;

/// <summary>The normalization in front of attention and feed-forward in a vision layer.</summary>
public enum VisionNormalization
{
    /// <summary>Mean and variance, weight and bias: InternViT-300M.</summary>
    LayerNorm,

    /// <summary>Root mean square, weight only: InternViT-6B.</summary>
    RmsNorm,
}
