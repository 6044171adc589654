using System.Buffers.Binary;
using System.Text;

namespace Sophia.Native.Tests.Training;

/// <summary>An event as TensorBoard's reader sees it.</summary>
internal sealed record BoardEvent(double Time, long Step, string? Version, bool StartsSession, (string Tag, float Value)[] Scalars);

/// <summary>
/// A reader of TensorBoard's event files written from the formats alone (tensorflow/core/lib/io/record_writer.h, event.proto, summary.proto) and without any code of the writer: the checksum is
/// computed bit by bit, fields are parsed by their wire types.
/// </summary>
internal static class EventReader
{
    /// <summary>The events of a folder, its files in the order of their names; what a session that starts later makes void is left out, as TensorBoard does it.</summary>
    public static List<BoardEvent> ReadFolder(string folder)
    {
        var events = new List<BoardEvent>();
        foreach (var path in Directory.GetFiles(folder, "*tfevents*").Order(StringComparer.Ordinal))
        {
            foreach (var entry in ReadFile(path))
            {
                if (entry.StartsSession)
                    events.RemoveAll(other => other.Step >= entry.Step);
                events.Add(entry);
            }
        }
        return events;
    }

    public static List<BoardEvent> ReadFile(string path)
    {
        var bytes = File.ReadAllBytes(path).AsSpan();
        var events = new List<BoardEvent>();
        while (bytes.Length > 0)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            Assert.Equal(Masked(bytes[..8]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]));
            Assert.Equal(Masked(bytes.Slice(12, length)), BinaryPrimitives.ReadUInt32LittleEndian(bytes[(12 + length)..]));
            events.Add(ParseEvent(bytes.Slice(12, length)));
            bytes = bytes[(16 + length)..];
        }
        return events;
    }

    /// <summary>CRC-32C (Castagnoli), bit by bit from the reversed polynomial.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = 0xFFFFFFFFu;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82F63B78u;
        }
        return crc ^ 0xFFFFFFFFu;
    }

    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        var crc = Checksum(bytes);
        return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
    }

    private static BoardEvent ParseEvent(ReadOnlySpan<byte> bytes)
    {
        var result = new BoardEvent(double.NaN, 0, null, false, []);
        while (bytes.Length > 0)
        {
            var (field, type) = Tag(ref bytes);
            result = (field, type) switch
            {
                (1, 1) => result with { Time = BinaryPrimitives.ReadDoubleLittleEndian(Take(ref bytes, 8)) },
                (2, 0) => result with { Step = (long)Varint(ref bytes) },
                (3, 2) => result with { Version = Encoding.UTF8.GetString(Content(ref bytes)) },
                (5, 2) => result with { Scalars = ParseSummary(Content(ref bytes)) },
                (7, 2) => result with { StartsSession = ParseSession(Content(ref bytes)) },
                _ => throw new InvalidDataException($"field {field} of wire type {type} in an event"),
            };
        }
        return result;
    }

    private static bool ParseSession(ReadOnlySpan<byte> bytes)
    {
        Assert.Equal((1, 0), Tag(ref bytes));
        var status = Varint(ref bytes);
        Assert.Equal(0, bytes.Length);
        return status == 1;
    }

    private static (string, float)[] ParseSummary(ReadOnlySpan<byte> bytes)
    {
        var values = new List<(string, float)>();
        while (bytes.Length > 0)
        {
            Assert.Equal((1, 2), Tag(ref bytes));
            var value = Content(ref bytes);
            Assert.Equal((1, 2), Tag(ref value));
            var tag = Encoding.UTF8.GetString(Content(ref value));
            Assert.Equal((2, 5), Tag(ref value));
            values.Add((tag, BinaryPrimitives.ReadSingleLittleEndian(Take(ref value, 4))));
            Assert.Equal(0, value.Length);
        }
        return [.. values];
    }

    private static (int Field, int Type) Tag(ref ReadOnlySpan<byte> bytes)
    {
        var tag = Varint(ref bytes);
        return ((int)(tag >> 3), (int)(tag & 7));
    }

    private static ReadOnlySpan<byte> Content(ref ReadOnlySpan<byte> bytes) => Take(ref bytes, (int)Varint(ref bytes));

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> bytes, int count)
    {
        var taken = bytes[..count];
        bytes = bytes[count..];
        return taken;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> bytes)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var next = Take(ref bytes, 1)[0];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
    }
}
