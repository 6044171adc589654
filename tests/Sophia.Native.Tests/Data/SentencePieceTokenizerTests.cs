using System.Text;
using System.Text.Json;
using Sophia.Native.Data.Chat;
using Sophia.Native.Data.Records;
using Sophia.Native.Data.Tokenization;
using Xunit;

namespace Sophia.Native.Tests.Data;

/// <summary>Against the sentencepiece library's own ids and texts, which tests/golden/sentencepiece/make.py wrote.</summary>
public sealed class SentencePieceTokenizerTests
{
    [Theory]
    [InlineData("plain")]
    [InlineData("space")]
    [InlineData("unused")]
    public void Ids_and_texts_are_those_of_the_sentencepiece_library(string model)
    {
        using TemporaryFolder folder = new();
        SentencePieceTokenizer tokenizer = Load(folder, model);
        int count = 0;
        foreach (JsonLine line in JsonLines.Read(TestData.Golden($"sentencepiece/{model}.jsonl")))
        {
            string text = line.Value.GetProperty("text").GetString()!;
            int[] expected = [.. line.Value.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            int[] found = tokenizer.Encode(text, splitAddedTokens: false);
            Assert.True(expected.AsSpan().SequenceEqual(found), $"{model}, '{text}': expected {string.Join(',', expected)}, found {string.Join(',', found)}");
            Assert.Equal(line.Value.GetProperty("decoded").GetString(), tokenizer.Decode(expected));
            IncrementalDecoder decoder = new(tokenizer);
            Assert.Equal(tokenizer.Decode(expected), string.Concat(expected.Select(decoder.Append)) + decoder.Flush());
            count++;
        }

        Assert.Equal(31, count);
    }

    [Fact]
    public void Added_tokens_cut_the_text_and_a_user_cannot_smuggle_them_in()
    {
        using TemporaryFolder folder = new();
        SentencePieceTokenizer bare = Load(folder, "space");
        SentencePieceTokenizer tokenizer = bare.WithInternVLTokens();
        Assert.Equal(400 + 15, tokenizer.VocabularySize);
        Assert.Same(tokenizer, tokenizer.WithInternVLTokens());
        int start = tokenizer.TokenToId("<|im_start|>")!.Value, end = tokenizer.TokenToId("<|im_end|>")!.Value;
        Assert.Equal(400 + 5, start);
        Assert.Equal([.. bare.Encode("a b"), start, .. bare.Encode("the answer"), end], tokenizer.Encode("a b<|im_start|>the answer<|im_end|>"));
        Assert.DoesNotContain(start, tokenizer.Encode("a b<|im_start|>the answer<|im_end|>", splitAddedTokens: false));
        Assert.Equal([1], tokenizer.Encode("<s>"));
        Assert.DoesNotContain(1, tokenizer.Encode("<s>", splitAddedTokens: false));
        Assert.Equal("a b the answer", tokenizer.Decode(tokenizer.Encode("a b<|im_start|>the answer<|im_end|>"), skipSpecialTokens: true));
        Assert.Equal("a<|im_end|>", tokenizer.Decode(tokenizer.Encode("a<|im_end|>")));
        Assert.Equal((1, 2, true), (tokenizer.BeginOfSequenceId, tokenizer.EndOfTextId, tokenizer.AddsLeadingSpace));
    }

    [Fact]
    public void An_added_token_takes_the_place_of_a_piece_and_the_piece_is_gone()
    {
        using TemporaryFolder folder = new();
        int id = Load(folder, "plain").TokenToId("[UNUSED_TOKEN_1]")!.Value;
        folder.Write("tokenizer_config.json", """{"add_bos_token": false, "added_tokens_decoder": {"ID": {"content": "<|im_start|>", "special": true}}}""".Replace("ID", $"{id}"));
        ITokenizer tokenizer = TokenizerFolder.Load(folder.Path);
        Assert.Equal([id], tokenizer.Encode("<|im_start|>"));
        Assert.DoesNotContain(id, tokenizer.Encode("[UNUSED_TOKEN_1]"));
        Assert.Equal("[UNUSED_TOKEN_1]", tokenizer.Decode(tokenizer.Encode("[UNUSED_TOKEN_1]")));
        Assert.Null(tokenizer.TokenToId("[UNUSED_TOKEN_1]"));
        Assert.Null(tokenizer.BeginOfSequenceId);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("space")]
    public void A_saved_tokenizer_loads_back_identically(string model)
    {
        using TemporaryFolder folder = new(), saved = new();
        SentencePieceTokenizer tokenizer = Load(folder, model).WithInternVLTokens();
        tokenizer.Save(saved.Path);
        SentencePieceTokenizer loaded = Assert.IsType<SentencePieceTokenizer>(TokenizerFolder.Load(saved.Path));
        Assert.Equal(tokenizer.AddedTokens, loaded.AddedTokens);
        Assert.Equal(tokenizer.VocabularySize, loaded.VocabularySize);
        Assert.Equal((tokenizer.BeginOfSequenceId, tokenizer.EndOfTextId), (loaded.BeginOfSequenceId, loaded.EndOfTextId));
        const string Text = "  数 <img>the answer</img>\n<think>x";
        Assert.Equal(tokenizer.Encode(Text), loaded.Encode(Text));
        for (int id = 0; id < tokenizer.VocabularySize; id++) Assert.Equal((tokenizer.IdToToken(id), tokenizer.IsSpecial(id)), (loaded.IdToToken(id), loaded.IsSpecial(id)));
    }

    [Fact]
    public void A_conversation_begins_with_the_begin_token_once_and_an_answer_goes_on_without_a_space()
    {
        using TemporaryFolder folder = new();
        ITokenizer tokenizer = Load(folder, "space").WithInternVLTokens();
        ChatTemplateOptions options = new() { SystemMessage = "S", TokensPerTile = 2 };
        ChatPrompt prompt = ChatTemplate.Build("q", [1], options);
        int[] ids = prompt.Encode(tokenizer);
        Assert.Equal(1, ids[0]);
        Assert.Equal(1, ids.Count(id => id == 1));
        Assert.Equal(2, ids.Count(id => id == tokenizer.TokenToId("<IMG_CONTEXT>")));
        List<int> answer = [];
        tokenizer.EncodeContinuation("the answer", answer);
        TrainingSequence whole = TrainingSequence.OfConversation([ChatTurn.User("q"), ChatTurn.Assistant("the answer")], [1], tokenizer, options);
        Assert.Equal([.. ids, .. answer, tokenizer.TokenToId("<|im_end|>")!.Value, .. tokenizer.Encode("\n")], whole.Ids);
        Assert.Equal(answer.Count + 1, whole.LossMask.Count(trained => trained));
        Assert.False(whole.LossMask[0]);
        Assert.True(whole.LossMask[ids.Length]);
    }

    [Fact]
    public void Long_texts_of_one_character_cost_no_square_of_their_length()
    {
        using TemporaryFolder folder = new();
        SentencePieceTokenizer tokenizer = Load(folder, "plain");
        string text = new('t', 200_000);
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }

    [Fact]
    public void What_is_not_understood_is_refused_by_name()
    {
        byte[] model = File.ReadAllBytes(TestData.Golden("sentencepiece/plain.model"));
        AssertFault("end in the middle", model[..^1]);
        AssertFault("expected a SentencePiece model", Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\n"));
        AssertFault("with pieces, found none", []);
        // Fields of a repeated submessage replace earlier ones: trainer_spec.model_type = UNIGRAM, normalizer_spec.precompiled_charsmap, remove_extra_whitespaces, a piece again.
        AssertFault("BPE (2), as InternLM2.5 has it, found type 1", [.. model, 0x12, 2, 3 << 3, 1]);
        AssertFault("precompiled_charsmap", [.. model, 0x1A, 3, (2 << 3) | 2, 1, 7]);
        AssertFault("remove_extra_whitespaces", [.. model, 0x1A, 2, 4 << 3, 1]);
        AssertFault("'<unk>' twice", [.. model, 0x0A, 7, 0x0A, 5, .. "<unk>"u8]);
        AssertFault("type 9", [.. model, 0x0A, 5, 0x0A, 1, (byte)'z', 3 << 3, 9]);
        AssertFault("found an empty one with id 400", [.. model, 0x0A, 0]);
        using TemporaryFolder folder = new();
        Assert.Contains("tokenizer.model", Assert.Throws<InvalidDataException>(() => TokenizerFolder.Load(folder.Path)).Message);
        Load(folder, "plain");
        folder.Write("tokenizer_config.json", """{"add_bos_token": true, "add_eos_token": true}""");
        Assert.Contains("add_eos_token", Assert.Throws<InvalidDataException>(() => TokenizerFolder.Load(folder.Path)).Message);
    }

    private static void AssertFault(string fault, byte[] model)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("tokenizer.model");
        File.WriteAllBytes(path, model);
        string message = Assert.Throws<InvalidDataException>(() => TokenizerFolder.Load(folder.Path)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(fault, message);
    }

    /// <summary>The model as the only file of a folder.</summary>
    internal static SentencePieceTokenizer Load(TemporaryFolder folder, string model)
    {
        File.Copy(TestData.Golden($"sentencepiece/{model}.model"), folder.File("tokenizer.model"), overwrite: true);
        return SentencePieceTokenizer.Load(folder.Path);
    }
}
