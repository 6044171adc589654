namespace Sophia.Native.Models;

/// <summary>A contiguous range of the parameter arena whose parameters are frozen and decayed alike. Segments cover the arena without gaps; the padding between parameters belongs to them and stays zero.</summary>
/// <param name="Group">The part of the model.</param>
/// <param name="Decays">Whether weight decay applies.</param>
/// <param name="Offset">First element, a multiple of <see cref="ParameterLayout.Alignment"/>.</param>
/// <param name="Length">Number of elements with padding, a multiple of <see cref="ParameterLayout.Alignment"/>.</param>
public readonly record struct ParameterSegment(ParameterGroup Group, bool Decays, long Offset, long Length);
