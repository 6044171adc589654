using System.Collections.Immutable;
using System.Text;
using Sophia.Native.Data.Tokenization;

namespace Sophia.Native.Data.Chat;

/// <summary>A conversation in the format a model was trained on, ready to be turned into ids.</summary>
public sealed class ChatPrompt
{
    private readonly ImmutableArray<ChatPiece> _pieces;
    private readonly bool _allowSpecialTokensInText;

    internal ChatPrompt(ImmutableArray<ChatPiece> pieces, ImmutableArray<int> imageOrder, bool allowSpecialTokensInText)
    {
        _pieces = pieces;
        ImageOrder = imageOrder;
        _allowSpecialTokensInText = allowSpecialTokensInText;
    }

    /// <summary>The image shown by the first block of visual tokens, the second, and so on: 0, 1, 2, ... unless numbered markers stand in another order. The pixels must follow this order.</summary>
    public ImmutableArray<int> ImageOrder { get; }

    /// <summary>How many visual tokens there are: the sum over images of tiles times tokens per tile.</summary>
    public int VisualTokenCount
    {
        get
        {
            int count = 0;
            foreach (ChatPiece piece in _pieces)
            {
                if (piece.IsToken && piece.Text == InternVLTokens.ImageContext) count += piece.Count;
            }

            return count;
        }
    }

    /// <summary>The whole prompt as text, special tokens spelled out.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (ChatPiece piece in _pieces)
        {
            for (int i = 0; i < Math.Max(1, piece.Count); i++) text.Append(piece.Text);
        }

        return text.ToString();
    }

    /// <summary>The ids of the prompt.</summary>
    /// <exception cref="ArgumentException">The tokenizer lacks a token the format needs.</exception>
    public int[] Encode(ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        List<int> ids = [];
        if (tokenizer.BeginOfSequenceId is { } begin) ids.Add(begin);
        foreach (ChatPiece piece in _pieces) Encode(piece, tokenizer, _allowSpecialTokensInText, ids);
        return [.. ids];
    }

    internal static void Encode(ChatPiece piece, ITokenizer tokenizer, bool allowSpecialTokensInText, List<int> ids)
    {
        if (!piece.IsToken)
        {
            tokenizer.Encode(piece.Text, ids, allowSpecialTokensInText);
            return;
        }

        int id = tokenizer.TokenToId(piece.Text)
            ?? throw new ArgumentException($"The chat format needs the token '{piece.Text}', which the tokenizer lacks; load it with {nameof(TokenizerFolder)}.{nameof(TokenizerFolder.LoadWithInternVLTokens)}.", nameof(tokenizer));
        for (int i = 0; i < piece.Count; i++) ids.Add(id);
    }
}
