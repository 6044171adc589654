namespace Sophia.Native.Data.Chat;

/// <summary>Who speaks in a turn of a conversation.</summary>
public enum ChatRole
{
    /// <summary>Sets the rules of the conversation; only the first turn may.</summary>
    System,

    /// <summary>Asks, and shows images.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}
