namespace Sophia.Native.Data.Chat;

/// <summary>A turn of a conversation.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Text">What is said; in a user's turn <c>&lt;image&gt;</c> marks the places of images.</param>
public readonly record struct ChatTurn(ChatRole Role, string Text)
{
    /// <summary>A turn that replaces the default system message; it must be the first.</summary>
    public static ChatTurn System(string text) => new(ChatRole.System, text);

    /// <summary>A turn of the user.</summary>
    public static ChatTurn User(string text) => new(ChatRole.User, text);

    /// <summary>A turn of the model.</summary>
    public static ChatTurn Assistant(string text) => new(ChatRole.Assistant, text);
}
