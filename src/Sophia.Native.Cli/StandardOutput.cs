using System.Runtime.InteropServices;
using System.Text;

namespace Sophia.Native.Cli;

/// <summary>
/// Standard output for lines of UTF-8: a line leaves when it is whole. A reader that has closed the pipe (<c>| head</c>) is an error here, where the runtime's own stream
/// goes on writing into nothing and the work with it.
/// </summary>
internal sealed partial class StandardOutput : Stream
{
    private const int InterruptedCall = 4;
    private const int WouldBlock = 11;
    private const int BrokenPipe = 32;

    private readonly TextWriter? _writer;
    private readonly Stream? _stream;
    private readonly MemoryStream _pending = new();

    /// <summary>Opens the output of a command: the process's own, or the writer that stands in for it.</summary>
    /// <param name="writer">The output of the command.</param>
    public StandardOutput(TextWriter writer)
    {
        if (!ReferenceEquals(writer, Console.Out))
            _writer = writer;
        else if (OperatingSystem.IsWindows())
            _stream = Console.OpenStandardOutput();
        else
            writer.Flush();
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Does nothing: a line that is not whole stays here.</summary>
    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        _pending.Write(buffer);
        if (buffer.Length > 0 && buffer[^1] == (byte)'\n')
            Send();
    }

    public override void WriteByte(byte value) => Write([value]);

    protected override void Dispose(bool disposing)
    {
        _stream?.Dispose();
        base.Dispose(disposing);
    }

    private void Send()
    {
        var bytes = _pending.GetBuffer().AsSpan(0, (int)_pending.Length);
        _pending.SetLength(0);
        if (_writer is not null)
            _writer.Write(Encoding.UTF8.GetString(bytes));
        else if (_stream is not null)
            _stream.Write(bytes);
        else
            WriteAll(bytes);
    }

    private static void WriteAll(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var written = WriteDescriptor(1, bytes, (nuint)bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }
            switch (Marshal.GetLastPInvokeError())
            {
                case InterruptedCall:
                    break;
                case WouldBlock or 35:
                    Thread.Sleep(1);
                    break;
                case BrokenPipe:
                    throw new ClosedOutputException();
                case var error:
                    throw new IOException($"stdout: expected to write {bytes.Length} bytes, found error {error}: {Marshal.GetPInvokeErrorMessage(error)}");
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteDescriptor(int descriptor, ReadOnlySpan<byte> bytes, nuint count);
}

/// <summary>Whoever read standard output has gone away: there is no one to work for.</summary>
internal sealed class ClosedOutputException() : IOException("stdout was closed by its reader.");
