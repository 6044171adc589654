namespace Sophia.Native.Data.Chat;

/// <summary>A piece of a prompt: ordinary text, or one token repeated.</summary>
/// <param name="Text">The text, or the token.</param>
/// <param name="Count">0 for text, else how many times the token stands here.</param>
internal readonly record struct ChatPiece(string Text, int Count)
{
    public bool IsToken => Count > 0;
}
