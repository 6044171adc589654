namespace Sophia.Native.Models.Files;

/// <summary>Where a stretch of a canonical parameter lies in a file.</summary>
/// <param name="Tensor">The tensor of the file.</param>
/// <param name="TensorElement">First element within that tensor.</param>
/// <param name="FirstElement">First element within the parameter.</param>
/// <param name="ElementCount">Number of elements.</param>
public readonly record struct ParameterPart(FileTensor Tensor, long TensorElement, long FirstElement, long ElementCount);
