namespace Sophia.Native.Cuda;

/// <summary>A product result[Rows, Columns] (+)= first * second^T (+ bias) as far as an algorithm is chosen by it. All rows begin at multiples of 16 bytes.</summary>
/// <param name="Rows">Rows of the result.</param>
/// <param name="Columns">Columns of the result.</param>
/// <param name="Depth">Length of the sums.</param>
/// <param name="IsFirstTransposed">Whether the first operand lies as [Depth, Rows], else [Rows, Depth].</param>
/// <param name="IsSecondTransposed">Whether the second operand lies as [Depth, Columns], else [Columns, Depth].</param>
/// <param name="Operands">Type of both operands.</param>
/// <param name="Result">Type of the result and the bias.</param>
/// <param name="FirstStride">Elements between rows of the first operand as it lies.</param>
/// <param name="SecondStride">Elements between rows of the second operand as it lies.</param>
/// <param name="ResultStride">Elements between rows of the result.</param>
/// <param name="HasBias">Whether a bias is added to every row.</param>
internal readonly record struct LibraryProductShape(long Rows, long Columns, long Depth, bool IsFirstTransposed, bool IsSecondTransposed, ElementType Operands, ElementType Result,
    long FirstStride, long SecondStride, long ResultStride, bool HasBias);
