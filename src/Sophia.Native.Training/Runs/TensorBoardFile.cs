using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Sophia.Native.Training.Runs;

/// <summary>
/// OUT/events.out.tfevents.SECONDS.NUMBER: scalars for TensorBoard. A file is a row of records (TFRecord: length, masked CRC-32C of the length, content, masked CRC-32C of the content), each content an
/// Event message of TensorFlow's event.proto. A resumed run begins another file, whose first event says from which step on it counts; TensorBoard then forgets what earlier files say of these steps.
/// Files sort by name in the order in which they were begun, which is how TensorBoard reads a folder.
/// </summary>
internal sealed class TensorBoardFile : IDisposable
{
    private const string NamePrefix = "events.out.tfevents.";
    private const uint ChecksumMask = 0xA282EAD8;

    // Numbers of the fields in event.proto and summary.proto.
    private const int EventTime = 1;
    private const int EventStep = 2;
    private const int EventVersion = 3;
    private const int EventSummary = 5;
    private const int EventSession = 7;
    private const int SessionStatus = 1;
    private const int SessionStarts = 1;
    private const int SummaryValue = 1;
    private const int ValueTag = 1;
    private const int ValueNumber = 2;

    private readonly FileStream _stream;

    /// <summary>Begins a file.</summary>
    /// <param name="folder">OUT.</param>
    /// <param name="firstStep">The step that comes first; what earlier files say of this one and later ones is void.</param>
    public TensorBoardFile(string folder, int firstStep)
    {
        var (seconds, number) = (DateTimeOffset.UtcNow.ToUnixTimeSeconds(), 0);
        foreach (var path in Directory.GetFiles(folder, NamePrefix + "*"))
        {
            var parts = Path.GetFileName(path)[NamePrefix.Length..].Split('.');
            if (parts.Length != 2 || !long.TryParse(parts[0], CultureInfo.InvariantCulture, out var otherSeconds) || !int.TryParse(parts[1], CultureInfo.InvariantCulture, out var otherNumber))
                continue;
            // A clock that was set back must not make this file an earlier one.
            seconds = Math.Max(seconds, otherSeconds);
            number = Math.Max(number, otherNumber + 1);
        }
        _stream = new(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{NamePrefix}{seconds:D10}.{number:D4}")), FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 16);
        Write(Event(0).Text(EventVersion, "brain.Event:2"));
        if (number > 0)
            Write(Event(firstStep).Message(EventSession, new ProtobufMessage().Integer(SessionStatus, SessionStarts)));
        _stream.Flush();
    }

    /// <summary>Writes the scalars of a step and hands them to the operating system. What is not finite is left out.</summary>
    public void WriteScalars(int step, IEnumerable<KeyValuePair<string, double>> scalars)
    {
        var summary = new ProtobufMessage();
        foreach (var (tag, value) in scalars)
        {
            if (double.IsFinite(value))
                summary.Message(SummaryValue, new ProtobufMessage().Text(ValueTag, tag).Float(ValueNumber, (float)value));
        }
        Write(Event(step).Message(EventSummary, summary));
        _stream.Flush();
    }

    public void FlushToDisk() => _stream.Flush(flushToDisk: true);

    public void Dispose() => _stream.Dispose();

    private static ProtobufMessage Event(int step) => new ProtobufMessage().Double(EventTime, (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds).Integer(EventStep, step);

    private void Write(ProtobufMessage message)
    {
        var content = message.Bytes;
        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(head, (ulong)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], MaskedChecksum(head[..8]));
        Span<byte> tail = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(tail, MaskedChecksum(content));
        _stream.Write(head);
        _stream.Write(content);
        _stream.Write(tail);
    }

    /// <summary>CRC-32C, turned by 15 bits and shifted by a constant, so that a checksum over data that holds checksums is no special case.</summary>
    private static uint MaskedChecksum(ReadOnlySpan<byte> bytes)
    {
        var checksum = uint.MaxValue;
        foreach (var value in bytes)
            checksum = BitOperations.Crc32C(checksum, value);
        return BitOperations.RotateRight(~checksum, 15) + ChecksumMask;
    }
}
