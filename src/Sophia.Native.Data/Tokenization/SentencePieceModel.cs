using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// A tokenizer.model of SentencePiece's BPE, as InternLM2.5 has one: pieces with their scores and the switches of the normalizer.
/// What would change ids and is not understood is refused: other models than BPE, and rewriting rules of the normalizer.
/// </summary>
internal sealed class SentencePieceModel
{
    private const int BytePairEncoding = 2;
    private const int MostPieces = 1 << 22;

    private int _modelType = 1;
    private bool _isByteFallback, _isSuffixed, _isRewriting;
    private bool _removesSpaces = true, _escapesSpaces = true;

    private SentencePieceModel(byte[] bytes) => Bytes = bytes;

    /// <summary>The file.</summary>
    public byte[] Bytes { get; }

    /// <summary>The pieces; their ids are their positions.</summary>
    public ImmutableArray<SentencePiece> Pieces { get; private set; } = [];

    /// <summary>Whether a space is put before a text (<c>normalizer_spec.add_dummy_prefix</c>).</summary>
    public bool AddsLeadingSpace { get; private set; } = true;

    /// <summary>Id of the unknown piece.</summary>
    public int UnknownId { get; private set; }

    /// <summary>Id of the piece that begins a sequence; minus one if there is none.</summary>
    public int BeginId { get; private set; } = 1;

    /// <summary>Id of the piece that ends a sequence; minus one if there is none.</summary>
    public int EndId { get; private set; } = 2;

    /// <summary>Ids of the byte pieces, [256]; empty where the model writes unknown characters as the unknown piece.</summary>
    public ImmutableArray<int> ByteIds { get; private set; } = [];

    /// <summary>Reads a model.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="source">Its path, for messages.</param>
    /// <exception cref="InvalidDataException">The file is broken, or is a model that is not understood.</exception>
    public static SentencePieceModel Read(byte[] bytes, string source)
    {
        SentencePieceModel model = new(bytes);
        ImmutableArray<SentencePiece>.Builder pieces = ImmutableArray.CreateBuilder<SentencePiece>();
        ProtocolBufferReader message = new(bytes, source);
        while (message.Read())
        {
            switch (message.Field)
            {
                case 1 when pieces.Count == MostPieces: throw new InvalidDataException($"{source}: expected at most {MostPieces} pieces, found more.");
                case 1: pieces.Add(ReadPiece(message.Bytes(), source, pieces.Count)); break;
                case 2: model.ReadTraining(message.Bytes(), source); break;
                case 3: model.ReadNormalization(message.Bytes(), source); break;
                case 5: model.ReadDenormalization(message.Bytes(), source); break;
            }
        }

        model.Pieces = pieces.DrainToImmutable();
        model.Check(source);
        return model;
    }

    private static SentencePiece ReadPiece(ReadOnlySpan<byte> bytes, string source, int id)
    {
        ProtocolBufferReader message = new(bytes, source);
        string text = "";
        float score = 0;
        SentencePieceKind kind = SentencePieceKind.Normal;
        while (message.Read())
        {
            switch (message.Field)
            {
                case 1: text = Encoding.UTF8.GetString(message.Bytes()); break;
                case 2: score = message.Single(); break;
                case 3: kind = (SentencePieceKind)message.Integer(); break;
            }
        }

        if (text.Length == 0) throw new InvalidDataException($"{source}: expected pieces of at least one character, found an empty one with id {id}.");
        if (!Enum.IsDefined(kind)) throw new InvalidDataException($"{source}: expected pieces of type 1 to 6, found type {(int)kind} for '{text}'.");
        if (float.IsNaN(score)) throw new InvalidDataException($"{source}: expected a score for the piece '{text}', found NaN.");
        return new SentencePiece(text, score, kind);
    }

    private void ReadTraining(ReadOnlySpan<byte> bytes, string source)
    {
        ProtocolBufferReader message = new(bytes, source);
        while (message.Read())
        {
            switch (message.Field)
            {
                case 3: _modelType = (int)message.Integer(); break;
                case 24: _isSuffixed = message.Boolean(); break;
                case 35: _isByteFallback = message.Boolean(); break;
                case 41: BeginId = (int)message.Integer(); break;
                case 42: EndId = (int)message.Integer(); break;
            }
        }
    }

    private void ReadNormalization(ReadOnlySpan<byte> bytes, string source)
    {
        ProtocolBufferReader message = new(bytes, source);
        while (message.Read())
        {
            switch (message.Field)
            {
                case 2: _isRewriting |= !message.Bytes().IsEmpty; break;
                case 3: AddsLeadingSpace = message.Boolean(); break;
                case 4: _removesSpaces = message.Boolean(); break;
                case 5: _escapesSpaces = message.Boolean(); break;
            }
        }
    }

    private void ReadDenormalization(ReadOnlySpan<byte> bytes, string source)
    {
        ProtocolBufferReader message = new(bytes, source);
        while (message.Read()) _isRewriting |= message.Field == 2 && !message.Bytes().IsEmpty;
    }

    private void Check(string source)
    {
        if (Pieces.Length == 0) throw new InvalidDataException($"{source}: expected a SentencePiece model with pieces, found none.");
        Require(_modelType == BytePairEncoding, "a model of type BPE (2)", $"type {_modelType}");
        Require(!_isRewriting, "a normalizer that keeps the text (identity)", "one with rewriting rules (precompiled_charsmap)");
        Require(!_removesSpaces, "remove_extra_whitespaces false", "true");
        Require(_escapesSpaces && !_isSuffixed, "spaces written as U+2581 before words", "a model that writes them otherwise");
        UnknownId = -1;
        int[] bytes = new int[256];
        Array.Fill(bytes, -1);
        HashSet<string> texts = new(Pieces.Length);
        for (int id = 0; id < Pieces.Length; id++)
        {
            SentencePiece piece = Pieces[id];
            if (!texts.Add(piece.Text)) throw new InvalidDataException($"{source}: expected each piece once, found '{piece.Text}' twice.");
            if (piece.Kind == SentencePieceKind.Unknown)
            {
                if (UnknownId >= 0) throw new InvalidDataException($"{source}: expected one unknown piece, found ids {UnknownId} and {id}.");
                UnknownId = id;
            }

            if (piece.Kind == SentencePieceKind.Byte) bytes[ByteOf(piece.Text, source)] = id;
        }

        if (UnknownId < 0) throw new InvalidDataException($"{source}: expected an unknown piece, found none.");
        BeginId = Mark(BeginId);
        EndId = Mark(EndId);
        if (!_isByteFallback) return;
        int missing = bytes.IndexOf(-1);
        if (missing >= 0) throw new InvalidDataException($"{source}: expected a piece for each of the 256 bytes, because byte_fallback is on, found none for byte 0x{missing:X2}.");
        ByteIds = [.. bytes];

        void Require(bool holds, string expected, string found)
        {
            if (!holds) throw new InvalidDataException($"{source}: expected {expected}, as InternLM2.5 has it, found {found}: this tokenizer is not supported.");
        }
    }

    private int Mark(int id) => (uint)id < (uint)Pieces.Length && Pieces[id].Kind == SentencePieceKind.Control ? id : -1;

    private static int ByteOf(string text, string source) =>
        text is ['<', '0', 'x', _, _, '>'] && int.TryParse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw new InvalidDataException($"{source}: expected byte pieces such as <0x0A>, found '{text}'.");
}
