using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Data.Tokenization;

/// <summary>Reads and writes the files of a SentencePiece tokenizer folder in the layout of Hugging Face.</summary>
internal static class SentencePieceTokenizerFiles
{
    public const string ModelFile = "tokenizer.model";

    public static SentencePieceTokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string path = Path.Combine(folder, ModelFile);
        SentencePieceModel model = SentencePieceModel.Read(TokenizerJson.ReadBytes(path), path);
        Dictionary<string, int> pieces = new(model.Pieces.Length);
        for (int id = 0; id < model.Pieces.Length; id++) pieces.Add(model.Pieces[id].Text, id);
        AddedTokenReader added = new(pieces);
        TokenizerJson.ReadAddedTokens(folder, added);
        return new SentencePieceTokenizer(model, added.ToTokens(), BeginsSequences(folder), folder);
    }

    public static void Save(SentencePieceTokenizer tokenizer, string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Directory.CreateDirectory(folder);
        AtomicFile.Write(Path.Combine(folder, ModelFile), stream => stream.Write(tokenizer.Model.Bytes));
        TokenizerJson.WriteAddedTokens(folder, tokenizer.AddedTokens, WriteRoles);
        TokenizerJson.Write(Path.Combine(folder, TokenizerJson.ConfigurationFile), writer =>
        {
            writer.WriteBoolean("add_bos_token", tokenizer.BeginsSequences);
            writer.WriteBoolean("add_eos_token", false);
            TokenizerJson.WriteDecoder(writer, tokenizer.AddedTokens);
            WriteRoles(writer);
            writer.WriteBoolean("clean_up_tokenization_spaces", false);
            // transformers' reader of tokenizer.model as it is: each text between added tokens goes through SentencePiece on its own.
            writer.WriteBoolean("legacy", true);
            writer.WriteString("tokenizer_class", "LlamaTokenizer");
        });

        void WriteRoles(Utf8JsonWriter writer)
        {
            WriteRole(writer, "bos_token", tokenizer.Model.BeginId);
            WriteRole(writer, "eos_token", tokenizer.Model.EndId);
            WriteRole(writer, "pad_token", tokenizer.Model.EndId);
            WriteRole(writer, "unk_token", tokenizer.Model.UnknownId);
        }

        void WriteRole(Utf8JsonWriter writer, string name, int id)
        {
            if (tokenizer.IsSpecial(id)) writer.WriteString(name, tokenizer.IdToToken(id));
        }
    }

    /// <summary>InternLM2.5 puts its begin token before a sequence unless the configuration says otherwise.</summary>
    private static bool BeginsSequences(string folder)
    {
        string path = Path.Combine(folder, TokenizerJson.ConfigurationFile);
        if (!File.Exists(path)) return true;
        using JsonDocument document = TokenizerJson.Parse(TokenizerJson.ReadBytes(path), path);
        if (!document.RootElement.TryGetProperty("add_bos_token", out JsonElement value)) return true;
        if (document.RootElement.TryGetProperty("add_eos_token", out JsonElement end) && end.ValueKind == JsonValueKind.True)
            throw new InvalidDataException($"{path}: expected add_eos_token false, as InternVL's models have it, found true: this tokenizer is not supported.");
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw new InvalidDataException($"{path}: expected true or false as add_bos_token, found {value.ValueKind}.");
    }
}
