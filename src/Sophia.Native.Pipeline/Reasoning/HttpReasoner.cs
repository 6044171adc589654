using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sophia.Native.Pipeline.Reasoning;

/// <summary>
/// A reasoner behind the chat-completions interface that most servers of language models speak. The key comes from the environment variable
/// <see cref="KeyVariable"/> alone; it is sent as a bearer token and appears in no message.
/// </summary>
public sealed class HttpReasoner : IReasoner, IDisposable
{
    /// <summary>The environment variable that holds the key; without it none is sent.</summary>
    public const string KeyVariable = "SOPHIA_REASONER_API_KEY";

    private const int LongestBody = 64 << 20;

    private readonly HttpReasonerOptions _options;
    private readonly Uri _address;
    private readonly string _shownAddress;
    private readonly string? _key;
    private readonly HttpClient _client;
    private readonly SemaphoreSlim _places;

    /// <summary>Prepares a client; nothing is sent yet.</summary>
    /// <exception cref="ArgumentException">The address is no http(s) address, or the key holds characters that cannot be sent.</exception>
    public HttpReasoner(HttpReasonerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(options.Model);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Concurrency, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Retries);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaximumTokens, 1);
        if (!options.Endpoint.IsAbsoluteUri || options.Endpoint.Scheme is not ("http" or "https"))
            throw new ArgumentException($"Expected an endpoint such as http://127.0.0.1:8000/v1, found '{options.Endpoint.OriginalString}'.", nameof(options));
        if (options.Endpoint.UserInfo.Length > 0)
            throw new ArgumentException($"Expected an endpoint without a name and password in it; a key belongs into {KeyVariable}.", nameof(options));

        _options = options;
        string path = options.Endpoint.AbsolutePath.TrimEnd('/');
        _address = path.EndsWith("/chat/completions", StringComparison.Ordinal)
            ? options.Endpoint
            : new UriBuilder(options.Endpoint) { Path = path + "/chat/completions" }.Uri;
        _shownAddress = _address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        _key = ReadKey();
        // A redirect could carry the key to another place.
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, MaxConnectionsPerServer = options.Concurrency })
        {
            Timeout = System.Threading.Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = LongestBody,
        };
        _places = new SemaphoreSlim(options.Concurrency);
    }

    /// <inheritdoc/>
    public int Concurrency => _options.Concurrency;

    /// <inheritdoc/>
    /// <exception cref="HttpRequestException">The server refused, or every try failed; the message says how often and with what.</exception>
    public async Task<ReasoningAnswer> Reason(ReasoningRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        byte[] body = Body(request);
        await _places.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            for (int attempt = 0; ; attempt++)
            {
                Attempt outcome = await Try(body, cancellation).ConfigureAwait(false);
                if (outcome.Answer is not null) return outcome.Answer;
                if (!outcome.Retry || attempt == _options.Retries)
                {
                    string tries = attempt == 0 ? "" : $" after {attempt + 1} tries";
                    throw new HttpRequestException($"{_shownAddress}: expected a chat completion for question \"{request.Id}\", found {outcome.Problem}{tries}");
                }

                await Task.Delay(Delay(attempt, outcome.RetryAfter), cancellation).ConfigureAwait(false);
            }
        }
        finally
        {
            _places.Release();
        }
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose()
    {
        _client.Dispose();
        _places.Dispose();
    }

    private static string? ReadKey()
    {
        string? key = Environment.GetEnvironmentVariable(KeyVariable)?.Trim();
        if (string.IsNullOrEmpty(key)) return null;
        // The framework's own complaint would quote the key.
        if (key.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0)
            throw new ArgumentException($"Expected {KeyVariable} to hold printable ASCII without spaces, found other characters in it.");
        return key;
    }

    private byte[] Body(ReasoningRequest request)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("model", _options.Model);
            json.WriteStartArray("messages");
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteString("content", request.Prompt);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteNumber("n", 1);
            json.WriteNumber("max_tokens", _options.MaximumTokens);
            if (_options.Temperature is { } temperature) json.WriteNumber("temperature", temperature);
            if (_options.TopP is { } topP) json.WriteNumber("top_p", topP);
            // Some servers take the seed as a signed 32-bit number.
            json.WriteNumber("seed", request.Seed & int.MaxValue);
            json.WriteBoolean("stream", false);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private readonly record struct Attempt(ReasoningAnswer? Answer, string Problem, bool Retry, TimeSpan RetryAfter = default);

    private async Task<Attempt> Try(byte[] body, CancellationToken cancellation)
    {
        using CancellationTokenSource limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limited.CancelAfter(_options.Timeout);
        try
        {
            using HttpRequestMessage message = new(HttpMethod.Post, _address);
            message.Content = new ByteArrayContent(body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            if (_key is not null) message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _key);
            using HttpResponseMessage response = await _client.SendAsync(message, HttpCompletionOption.ResponseContentRead, limited.Token).ConfigureAwait(false);
            byte[] content = await response.Content.ReadAsByteArrayAsync(limited.Token).ConfigureAwait(false);
            if (response.IsSuccessStatusCode) return Parse(content);
            bool retry = response.StatusCode is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)response.StatusCode >= 500;
            return new Attempt(null, $"status {(int)response.StatusCode}{Quote(content)}", retry, RetryAfter(response));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new Attempt(null, $"no answer within {_options.Timeout.TotalSeconds:0.###} s", Retry: true);
        }
        catch (HttpRequestException broken)
        {
            return new Attempt(null, $"a broken connection ({Redact(broken.Message)})", Retry: true);
        }
    }

    private Attempt Parse(byte[] content)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            JsonElement choice = document.RootElement.GetProperty("choices")[0];
            JsonElement message = choice.GetProperty("message");
            string? text = message.GetProperty("content").GetString();
            // Servers of thinking models give the thought in a field of its own.
            string? thought = message.TryGetProperty("reasoning_content", out JsonElement thinking) && thinking.ValueKind == JsonValueKind.String ? thinking.GetString() : null;
            bool truncated = choice.TryGetProperty("finish_reason", out JsonElement reason) && reason.ValueKind == JsonValueKind.String
                && reason.GetString() is "length" or "content_filter";
            if (text is null && !truncated) return new Attempt(null, "a message without content", Retry: true);
            string whole = string.IsNullOrEmpty(thought) ? text ?? "" : $"<think>\n{thought.Trim()}\n</think>\n{text}";
            return new Attempt(new ReasoningAnswer(whole, truncated), "", Retry: false);
        }
        catch (Exception broken) when (broken is JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException)
        {
            return new Attempt(null, $"a body that is none{Quote(content)}", Retry: true);
        }
    }

    private TimeSpan Delay(int attempt, TimeSpan retryAfter)
    {
        // A little chance, so that requests refused together do not come back together.
        double seconds = _options.FirstDelay.TotalSeconds * Math.Pow(2, Math.Min(attempt, 30)) * (0.75 + 0.5 * Random.Shared.NextDouble());
        return TimeSpan.FromSeconds(Math.Min(Math.Max(seconds, retryAfter.TotalSeconds), _options.LongestDelay.TotalSeconds));
    }

    private static TimeSpan RetryAfter(HttpResponseMessage response)
    {
        RetryConditionHeaderValue? after = response.Headers.RetryAfter;
        TimeSpan delay = after?.Delta ?? (after?.Date is { } date ? date - DateTimeOffset.UtcNow : TimeSpan.Zero);
        return delay > TimeSpan.Zero ? delay : TimeSpan.Zero;
    }

    private string Quote(byte[] content)
    {
        string text = System.Text.Encoding.UTF8.GetString(content.AsSpan(0, Math.Min(content.Length, 4096)));
        // The key goes first: a cut through it would leave a piece that no longer matches.
        text = Redact(text).ReplaceLineEndings(" ").Trim();
        if (text.Length > 200) text = text[..200] + "...";
        return text.Length == 0 ? "" : $": {text}";
    }

    private string Redact(string text) => _key is null ? text : text.Replace(_key, "***", StringComparison.Ordinal);
}
