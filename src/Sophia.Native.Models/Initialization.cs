namespace Sophia.Native.Models;

/// <summary>How a random initialization fills a parameter.</summary>
internal enum Initialization
{
    /// <summary>Normal with the standard deviation of the configuration.</summary>
    Normal,

    /// <summary>Zeros: biases.</summary>
    Zero,

    /// <summary>Ones: normalization weights.</summary>
    One,

    /// <summary>The constant of the configuration: layer scales.</summary>
    LayerScale,

    /// <summary>Uniform within one over the root of the columns: A of an adapter, as in PEFT (Kaiming's uniform distribution with a of the root of 5).</summary>
    Uniform,
}
