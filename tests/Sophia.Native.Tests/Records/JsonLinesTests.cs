using System.Text;
using System.Text.Json;
using CsCheck;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Tests.Records;

public sealed class JsonLinesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_byte_order_mark_and_empty_lines_are_skipped_and_line_numbers_count_them()
    {
        string path = _folder.File("a.jsonl");
        File.WriteAllBytes(path, [0xEF, 0xBB, 0xBF, .. "{\"a\":1}\r\n\r\n  \n{\"a\":2}"u8]);
        Assert.Equal([(1, 1), (4, 2)], JsonLines.Read(path).Select(line => (line.Number, line.Value.GetProperty("a").GetInt32())));
    }

    [Theory]
    [InlineData("{\"a\":1}\n{\"a\":\n", "a.jsonl:2: expected one JSON object, found broken JSON at byte 6")]
    [InlineData("[1]\n", "a.jsonl:1: expected one JSON object, found an array of 1")]
    [InlineData("\n\n{\"a\":1,\"a\":2}\n", "a.jsonl:3: expected one JSON object, found broken JSON")]
    [InlineData("{\"a\":1} {\"a\":2}\n", "a.jsonl:1: expected one JSON object, found broken JSON at byte 9")]
    public void Broken_lines_are_named(string text, string message)
    {
        string path = _folder.Write("a.jsonl", text);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => JsonLines.Read(path).ToList());
        Assert.StartsWith(_folder.Path, error.Message);
        Assert.Contains(message, error.Message);
    }

    [Fact]
    public void Bytes_that_are_no_utf8_and_missing_files_and_folders_are_named()
    {
        string path = _folder.File("a.jsonl");
        File.WriteAllBytes(path, [.. "{}\n{\"a\":\""u8, 0xFF, .. "\"}"u8]);
        Assert.Contains("a.jsonl:2: expected UTF-8", Assert.Throws<InvalidDataException>(() => JsonLines.Read(path).ToList()).Message);
        Assert.Contains("found nothing", Assert.Throws<InvalidDataException>(() => JsonLines.Read(_folder.File("no/b.jsonl")).ToList()).Message);
        Assert.Contains("found a folder", Assert.Throws<InvalidDataException>(() => JsonLines.Read(_folder.Path).ToList()).Message);
    }

    [Fact]
    public void Lines_come_out_as_they_are_whatever_the_pieces_the_stream_arrives_in()
    {
        Gen.Select(Gen.String[Gen.Char['a', 'z'], 0, 300].Array[0, 8], Gen.Int[1, 50], Gen.Bool).Sample((texts, piece, endsWithLineFeed) =>
        {
            string all = string.Join('\n', texts.Select(text => $"{{\"t\":\"{text}\"}}")) + (endsWithLineFeed && texts.Length > 0 ? "\n" : "");
            using Stream stream = new PieceStream(Encoding.UTF8.GetBytes(all), piece);
            return JsonLines.Read(stream, "x").Select(line => line.Value.GetProperty("t").GetString()).SequenceEqual(texts);
        });
    }

    [Fact]
    public void Random_bytes_give_records_or_a_named_error_and_nothing_else()
    {
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            try
            {
                foreach (JsonLine line in JsonLines.Read(new MemoryStream(bytes), "x")) _ = RecordReader.Parse(line);
            }
            catch (InvalidDataException error)
            {
                Assert.StartsWith("x:", error.Message);
            }
        });
    }

    [Fact]
    public void Every_finite_float_reads_back_to_the_same_bits()
    {
        Gen.Float.Where(float.IsFinite).Sample(value =>
        {
            using MemoryStream stream = new();
            using (JsonLinesWriter writer = new(stream)) writer.Write(json => json.WriteNumber("v", value));
            stream.Position = 0;
            float read = JsonLines.Read(stream, "x").Single().Value.GetProperty("v").GetSingle();
            return BitConverter.SingleToInt32Bits(read) == BitConverter.SingleToInt32Bits(value);
        });
    }

    [Fact]
    public void A_number_that_json_cannot_hold_is_an_error_and_nothing_of_the_file_is_written()
    {
        TrajectoryRecord record = new() { Id = "1", Question = new QuestionRecord { Id = "1", Question = "q" }, Response = "r", Reward = float.NaN };
        string path = _folder.Write("out.jsonl", "before");
        Assert.Throws<ArgumentException>(() => AtomicFile.WriteRecords(path, [record]));
        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Path));
    }

    private sealed class PieceStream(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, piece));
    }
}
