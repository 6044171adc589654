namespace Sophia.Native.Data.Tokenization;

/// <summary>A piece of a SentencePiece model.</summary>
/// <param name="Text">The piece with U+2581 for each space.</param>
/// <param name="Score">Of the pairs that could merge the one whose result has the highest score does.</param>
/// <param name="Kind">What it is for.</param>
internal readonly record struct SentencePiece(string Text, float Score, SentencePieceKind Kind);
