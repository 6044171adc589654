using System.Collections.Immutable;
using Sophia.Native.Data.Tokenization;

namespace Sophia.Native.Data.Chat;

/// <summary>
/// The chat format "internvl2_5" of InternVL 2.5 and InternVL3: each turn is <c>&lt;|im_start|&gt;role\ntext&lt;|im_end|&gt;\n</c>, a system turn comes first,
/// and a prompt that waits for an answer ends with <c>&lt;|im_start|&gt;assistant\n</c>. Images stand as <c>&lt;img&gt;</c>, their visual tokens and <c>&lt;/img&gt;</c>.
/// </summary>
public static class ChatTemplate
{
    /// <summary>The system message the published models were trained with (InternVL, conversation.py, template internvl2_5).</summary>
    public const string DefaultSystemMessage = "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。";

    /// <summary>Builds the prompt of a conversation. If the user has the last word, the prompt asks for an answer.</summary>
    /// <param name="turns">The conversation: an optional system turn, then those of user and model, at least one.</param>
    /// <param name="tilesPerImage">How many tiles each image has, its thumbnail included, in the order of the images; empty without images.</param>
    /// <param name="options">The model's part of the format; null for the published models.</param>
    /// <exception cref="ArgumentException">There is no turn, a system turn is not the first, or images and markers do not match.</exception>
    public static ChatPrompt Build(ReadOnlySpan<ChatTurn> turns, ReadOnlySpan<int> tilesPerImage, ChatTemplateOptions? options = null)
    {
        options ??= ChatTemplateOptions.Default;
        ImagePlaceholders images = new(turns, tilesPerImage, options);
        PieceList pieces = new();
        foreach (ChatTurn turn in WithSystemTurn(turns, options))
        {
            Begin(turn.Role, pieces);
            AddText(turn, images, pieces);
            End(pieces);
        }

        if (turns[^1].Role != ChatRole.Assistant) Begin(ChatRole.Assistant, pieces);
        return new ChatPrompt(pieces.ToImmutable(), images.Order, options.AllowSpecialTokensInText);
    }

    /// <summary>Builds the prompt of a single question.</summary>
    /// <param name="question">The user's text, with or without image markers.</param>
    /// <param name="tilesPerImage">How many tiles each image has.</param>
    /// <param name="options">The model's part of the format; null for the published models.</param>
    /// <exception cref="ArgumentException">Images and markers do not match.</exception>
    public static ChatPrompt Build(string question, ReadOnlySpan<int> tilesPerImage, ChatTemplateOptions? options = null) =>
        Build([ChatTurn.User(question)], tilesPerImage, options);

    internal static ChatTurn[] WithSystemTurn(ReadOnlySpan<ChatTurn> turns, ChatTemplateOptions options)
    {
        bool hasSystem = turns.Length > 0 && turns[0].Role == ChatRole.System;
        if (turns.Length == (hasSystem ? 1 : 0)) throw new ArgumentException("Expected a conversation of at least one turn by user or model, found none.", nameof(turns));
        for (int i = 1; i < turns.Length; i++)
        {
            if (turns[i].Role == ChatRole.System) throw new ArgumentException($"Expected the system message to be the first turn, found one as turn {i + 1}.", nameof(turns));
        }

        return hasSystem ? turns.ToArray() : [ChatTurn.System(options.SystemMessage), .. turns];
    }

    internal static void Begin(ChatRole role, PieceList pieces)
    {
        pieces.AddToken(InternVLTokens.MessageStart, 1);
        pieces.AddText(role switch { ChatRole.System => "system\n", ChatRole.User => "user\n", _ => "assistant\n" });
    }

    internal static void AddText(ChatTurn turn, ImagePlaceholders images, PieceList pieces)
    {
        if (turn.Role == ChatRole.User) images.Expand(turn.Text, pieces);
        else pieces.AddText(turn.Text);
    }

    internal static void End(PieceList pieces)
    {
        pieces.AddToken(InternVLTokens.MessageEnd, 1);
        pieces.AddText("\n");
    }

    /// <summary>Pieces in order; neighboring texts become one, because words merge across their border.</summary>
    internal sealed class PieceList
    {
        private readonly ImmutableArray<ChatPiece>.Builder _pieces = ImmutableArray.CreateBuilder<ChatPiece>();

        public void AddText(string text)
        {
            if (text.Length == 0) return;
            if (_pieces.Count > 0 && !_pieces[^1].IsToken) _pieces[^1] = new ChatPiece(_pieces[^1].Text + text, 0);
            else _pieces.Add(new ChatPiece(text, 0));
        }

        public void AddToken(string token, int count)
        {
            if (count > 0) _pieces.Add(new ChatPiece(token, count));
        }

        public ImmutableArray<ChatPiece> ToImmutable() => _pieces.ToImmutable();
    }
}
