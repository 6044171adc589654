using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Sophia.Native.Tests.Pipeline;

/// <summary>A small HTTP server on 127.0.0.1 that answers every request as a function says; one connection for each request.</summary>
internal sealed class LocalServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<Request, CancellationToken, Task<Reply>> _answer;
    private readonly CancellationTokenSource _stop = new();
    private int _count;
    private int _open;
    private int _mostOpen;

    public LocalServer(Func<Request, Reply> answer)
        : this((request, _) => Task.FromResult(answer(request)))
    {
    }

    public LocalServer(Func<Request, CancellationToken, Task<Reply>> answer)
    {
        _answer = answer;
        _listener.Start();
        _ = Accept();
    }

    public Uri Endpoint => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1");

    public int Count => Volatile.Read(ref _count);

    /// <summary>The most requests that were under way at once.</summary>
    public int MostOpen => Volatile.Read(ref _mostOpen);

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
    }

    private async Task Accept()
    {
        try
        {
            while (true) _ = Serve(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task Serve(TcpClient client)
    {
        using TcpClient held = client;
        try
        {
            NetworkStream stream = client.GetStream();
            StringBuilder head = new();
            byte[] one = new byte[1];
            while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                await stream.ReadExactlyAsync(one, _stop.Token);
                head.Append((char)one[0]);
            }

            string[] lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
            Dictionary<string, string> headers = lines.Skip(1).Select(line => line.Split(": ", 2)).ToDictionary(pair => pair[0].ToLowerInvariant(), pair => pair[1]);
            byte[] body = new byte[int.Parse(headers.GetValueOrDefault("content-length", "0"))];
            await stream.ReadExactlyAsync(body, _stop.Token);
            int number = Interlocked.Increment(ref _count);
            int open = Interlocked.Increment(ref _open);
            lock (_stop) _mostOpen = Math.Max(_mostOpen, open);
            Reply reply = await _answer(new Request(number, lines[0].Split(' ')[1], headers, Encoding.UTF8.GetString(body)), _stop.Token);
            Interlocked.Decrement(ref _open);
            byte[] content = Encoding.UTF8.GetBytes(reply.Body);
            string extra = reply.RetryAfter is null ? "" : $"Retry-After: {reply.RetryAfter}\r\n";
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {reply.Status} X\r\nContent-Length: {content.Length}\r\nConnection: close\r\n{extra}\r\n"), _stop.Token);
            await stream.WriteAsync(content, _stop.Token);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException or ObjectDisposedException)
        {
        }
    }

    internal sealed record Request(int Number, string Path, Dictionary<string, string> Headers, string Body);

    internal sealed record Reply(int Status, string Body, string? RetryAfter = null)
    {
        public static Reply Completion(string text, string finishReason = "stop") =>
            new(200, $$"""{"choices":[{"index":0,"message":{"role":"assistant","content":{{System.Text.Json.JsonSerializer.Serialize(text)}}},"finish_reason":"{{finishReason}}"}]}""");
    }
}
