using Sophia.Native.Data.Tokenization;

namespace Sophia.Native.Data.Chat;

/// <summary>
/// The ids of a conversation and which of them are trained (InternVL, preprocess_internvl2_5): the answers of the model with their <c>&lt;|im_end|&gt;</c>.
/// The frame of a turn, the line feed after it, and all that system and user say are not.
/// </summary>
public sealed class TrainingSequence
{
    private TrainingSequence(int[] ids, bool[] lossMask)
    {
        Ids = ids;
        LossMask = lossMask;
    }

    /// <summary>The ids, [T].</summary>
    public int[] Ids { get; }

    /// <summary>True at i if the prediction of token i is trained, [T].</summary>
    public bool[] LossMask { get; }

    /// <summary>Makes the sequence of a whole conversation.</summary>
    /// <param name="turns">The conversation: an optional system turn, then those of user and model.</param>
    /// <param name="tilesPerImage">How many tiles each image has, its thumbnail included; empty without images.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="options">The model's part of the format; null for the published models.</param>
    /// <exception cref="ArgumentException">There is no turn, a system turn is not the first, images and markers do not match, or the tokenizer lacks a token.</exception>
    public static TrainingSequence OfConversation(ReadOnlySpan<ChatTurn> turns, ReadOnlySpan<int> tilesPerImage, ITokenizer tokenizer, ChatTemplateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        options ??= ChatTemplateOptions.Default;
        ImagePlaceholders images = new(turns, tilesPerImage, options);
        int answerPrefix = CountIds(ChatRole.Assistant, tokenizer), lineFeed = tokenizer.Encode("\n").Length;
        List<int> ids = [];
        List<bool> mask = [];
        if (tokenizer.BeginOfSequenceId is { } begin)
        {
            ids.Add(begin);
            mask.Add(false);
        }

        foreach (ChatTurn turn in ChatTemplate.WithSystemTurn(turns, options))
        {
            ChatTemplate.PieceList pieces = new();
            ChatTemplate.Begin(turn.Role, pieces);
            ChatTemplate.AddText(turn, images, pieces);
            ChatTemplate.End(pieces);
            int start = ids.Count;
            foreach (ChatPiece piece in pieces.ToImmutable()) ChatPrompt.Encode(piece, tokenizer, options.AllowSpecialTokensInText, ids);

            // An answer that begins with line feeds merges them into the one of the prefix; the token of both is not trained, as in the original.
            int first = start + answerPrefix, last = ids.Count - 1 - lineFeed;
            for (int i = start; i < ids.Count; i++) mask.Add(turn.Role == ChatRole.Assistant && i >= first && i <= last);
        }

        return new TrainingSequence([.. ids], [.. mask]);
    }

    /// <summary>Makes the sequence of a prompt and the ids a model answered with, all of which are trained.</summary>
    /// <param name="prompt">The prompt, ending where the answer begins.</param>
    /// <param name="responseIds">The answer's ids, its end token included if it has one.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <exception cref="ArgumentException">The answer is empty, or the tokenizer lacks a token.</exception>
    public static TrainingSequence OfResponse(ChatPrompt prompt, ReadOnlySpan<int> responseIds, ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (responseIds.IsEmpty) throw new ArgumentException("Expected a response of at least one id, found an empty one.", nameof(responseIds));
        int[] promptIds = prompt.Encode(tokenizer);
        bool[] mask = new bool[promptIds.Length + responseIds.Length];
        mask.AsSpan(promptIds.Length).Fill(true);
        return new TrainingSequence([.. promptIds, .. responseIds], mask);
    }

    private static int CountIds(ChatRole role, ITokenizer tokenizer)
    {
        ChatTemplate.PieceList pieces = new();
        ChatTemplate.Begin(role, pieces);
        List<int> ids = [];
        foreach (ChatPiece piece in pieces.ToImmutable()) ChatPrompt.Encode(piece, tokenizer, allowSpecialTokensInText: false, ids);
        return ids.Count;
    }
}
