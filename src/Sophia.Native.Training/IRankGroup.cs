namespace Sophia.Native.Training;

/// <summary>
/// The seam for data-parallel training: several trainers, each a rank with a model of its own in the same state, split the samples of a step between them and meet here three times: before the first
/// micro-batch for the totals that normalizers divide by, between the backward pass and the norm for the gradients, and after it for the metrics. All ranks make the same calls in the same order, so that an
/// implementation needs no names for them; a call returns when every rank has made it, or throws where one is lost. Every rank gets the same bits, hence takes the same norm, decides alike whether a step is
/// finite and stays in the same state as the others. How a rank finds its share of the samples is its caller's affair.
/// </summary>
public interface IRankGroup
{
    /// <summary>Number of ranks.</summary>
    int Count { get; }

    /// <summary>Replaces a vector in device memory by its sum over the ranks, in an order that depends on the ranks' numbers alone.</summary>
    /// <param name="backend">Where the vector lies; the result is used by operations that are issued after this call.</param>
    /// <param name="vector">[1, n] Float32: the whole gradient arena, of the same length on every rank.</param>
    void Sum(Backend backend, DeviceView vector);

    /// <summary>Replaces host values by their sums over the ranks.</summary>
    /// <param name="values">As many on every rank.</param>
    void Sum(Span<double> values);

    /// <summary>Replaces host values by the largest over the ranks.</summary>
    /// <param name="values">As many on every rank.</param>
    void Maximum(Span<double> values);
}
