namespace Sophia.Native.Data.Tokenization;

/// <summary>One line of merges.txt as ids; its rank is its position in the list.</summary>
/// <param name="Left">The left token.</param>
/// <param name="Right">The right token.</param>
/// <param name="Merged">The token both become.</param>
internal readonly record struct BytePairMerge(int Left, int Right, int Merged);
