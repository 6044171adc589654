namespace Sophia.Native.Data.Tokenization;

/// <summary>A token outside the byte-pair vocabulary: it is cut out of the text as a whole before anything else happens.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="Text">The exact text of the token, at least one character.</param>
/// <param name="IsSpecial">True if decoding without special tokens leaves it out.</param>
public readonly record struct AddedToken(int Id, string Text, bool IsSpecial);
