using System.Diagnostics;
using System.Text.Json;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Reasoning;
using Reply = Sophia.Native.Tests.Pipeline.LocalServer.Reply;

namespace Sophia.Native.Tests.Pipeline;

public sealed class ReasonerTests : IDisposable
{
    private const string Key = "sk-very-secret-key-123";

    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(HttpReasoner.KeyVariable, null);
        _folder.Dispose();
    }

    [Fact]
    public async Task A_replay_answers_by_id_caption_and_trajectory()
    {
        string path = _folder.Write("a.jsonl",
            """
            {"id":"1","caption_index":0,"trajectory_index":1,"response":"b"}
            {"id":1,"caption_index":0,"trajectory_index":0,"response":"a","truncated":true,"question":"ignored"}
            """);
        ReplayReasoner replay = new(path);
        Assert.Equal(new ReasoningAnswer("a", true), await replay.Reason(Request(0, 0), Cancellation));
        Assert.Equal(new ReasoningAnswer("b"), await replay.Reason(Request(0, 1), Cancellation));
        InvalidDataException missing = await Assert.ThrowsAsync<InvalidDataException>(() => replay.Reason(Request(2, 1), Cancellation));
        Assert.StartsWith(path, missing.Message);
        Assert.Contains("id \"1\", caption_index 2, trajectory_index 1, found none", missing.Message);
    }

    [Fact]
    public async Task A_cycling_replay_takes_the_answers_of_an_id_in_turn()
    {
        ReplayReasoner replay = new(_folder.Write("a.jsonl", """{"id":"1","response":"a"}""" + "\n" + """{"id":"1","response":"b"}""" + "\n" + """{"id":"1","response":"c"}"""), cycle: true);
        List<string> texts = [];
        for (int k = 0; k < 2; k++)
        {
            for (int n = 0; n < 2; n++) texts.Add((await replay.Reason(Request(k, n), Cancellation)).Text);
        }

        Assert.Equal(["a", "b", "c", "a"], texts);
        await Assert.ThrowsAsync<InvalidDataException>(() => replay.Reason(Request(0, 0) with { Id = "2" }, Cancellation));
    }

    [Theory]
    [InlineData("""{"response":"a"}""", ":1: expected a field \"id\"")]
    [InlineData("""{"id":"1"}""", ":1: expected a field \"response\"")]
    [InlineData("{\"id\":1,\"response\":\"a\"}\n{\"id\":1,\"response\":\"b\"}", ":2: expected one answer for every key, found a second one for id \"1\", caption_index 0")]
    public void A_broken_replay_file_is_named(string text, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => new ReplayReasoner(_folder.Write("a.jsonl", text))).Message);

    [Fact]
    public async Task Http_sends_the_prompt_and_reads_the_answer()
    {
        JsonElement sent = default;
        string? authorization = "none", path = null;
        using LocalServer server = new(request =>
        {
            sent = JsonElement.Parse(request.Body);
            path = request.Path;
            authorization = request.Headers.GetValueOrDefault("authorization");
            return Reply.Completion("so \\boxed{5}");
        });
        using HttpReasoner reasoner = Reasoner(server);
        Assert.Equal(new ReasoningAnswer("so \\boxed{5}"), await reasoner.Reason(Request(0, 0), Cancellation));
        Assert.Equal("/v1/chat/completions", path);
        Assert.Null(authorization);
        Assert.Equal("m", sent.GetProperty("model").GetString());
        Assert.Equal(1, sent.GetProperty("n").GetInt32());
        Assert.Equal(77, sent.GetProperty("seed").GetInt32());
        Assert.Equal(Prompts.Reasoning("a red circle", "How many?", []), sent.GetProperty("messages")[0].GetProperty("content").GetString());
    }

    [Fact]
    public async Task Http_says_when_an_answer_was_cut_and_keeps_a_thought_of_its_own_field()
    {
        using LocalServer server = new(request => request.Number == 1
            ? Reply.Completion("half", "length")
            : new Reply(200, """{"choices":[{"message":{"content":"5","reasoning_content":"hm"},"finish_reason":"stop"}]}"""));
        using HttpReasoner reasoner = Reasoner(server);
        Assert.Equal(new ReasoningAnswer("half", true), await reasoner.Reason(Request(0, 0), Cancellation));
        Assert.Equal("<think>\nhm\n</think>\n5", (await reasoner.Reason(Request(0, 0), Cancellation)).Text);
    }

    [Fact]
    public async Task Http_waits_as_long_as_it_is_told_and_tries_again()
    {
        using LocalServer server = new(request => request.Number switch
        {
            1 => new Reply(429, "slow down", "1"),
            2 => new Reply(503, ""),
            3 => new Reply(200, "<html>not yet</html>"),
            _ => Reply.Completion("ok"),
        });
        using HttpReasoner reasoner = Reasoner(server, options => options with { Retries = 3 });
        long start = Stopwatch.GetTimestamp();
        Assert.Equal("ok", (await reasoner.Reason(Request(0, 0), Cancellation)).Text);
        Assert.Equal(4, server.Count);
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromSeconds(0.99), "the pause of Retry-After was not kept");
    }

    [Fact]
    public async Task Http_gives_up_and_says_after_how_many_tries_without_the_key()
    {
        Environment.SetEnvironmentVariable(HttpReasoner.KeyVariable, Key);
        string? authorization = null;
        using LocalServer server = new(request =>
        {
            authorization = request.Headers["authorization"];
            return new Reply(500, $"internal error for {authorization}");
        });
        using HttpReasoner reasoner = Reasoner(server);
        HttpRequestException error = await Assert.ThrowsAsync<HttpRequestException>(() => reasoner.Reason(Request(0, 0), Cancellation));
        Assert.Equal("Bearer " + Key, authorization);
        Assert.Equal(3, server.Count);
        Assert.Contains("for question \"1\", found status 500: internal error for Bearer *** after 3 tries", error.Message);
        Assert.DoesNotContain(Key, error.ToString());
    }

    [Fact]
    public async Task Http_does_not_repeat_what_the_server_refused()
    {
        using LocalServer server = new(_ => new Reply(401, "{\"error\":\"bad key\"}"));
        using HttpReasoner reasoner = Reasoner(server);
        HttpRequestException error = await Assert.ThrowsAsync<HttpRequestException>(() => reasoner.Reason(Request(0, 0), Cancellation));
        Assert.Contains("status 401: {\"error\":\"bad key\"}", error.Message);
        Assert.Equal(1, server.Count);
    }

    [Theory]
    [InlineData("garbage", "a body that is none: garbage")]
    [InlineData("[]", "a body that is none")]
    [InlineData("""{"choices":[]}""", "a body that is none")]
    [InlineData("""{"choices":[{"message":{"content":5}}]}""", "a body that is none")]
    [InlineData("""{"choices":[{"message":{"content":null}}]}""", "a message without content")]
    public async Task Http_names_a_body_that_is_no_completion(string body, string message)
    {
        using LocalServer server = new(_ => new Reply(200, body));
        using HttpReasoner reasoner = Reasoner(server);
        Assert.Contains(message, (await Assert.ThrowsAsync<HttpRequestException>(() => reasoner.Reason(Request(0, 0), Cancellation))).Message);
        Assert.Equal(3, server.Count);
    }

    [Fact]
    public async Task Http_stops_at_once_when_it_is_canceled()
    {
        using CancellationTokenSource cancel = new();
        using LocalServer server = new(async (_, stop) =>
        {
            cancel.Cancel();
            await Task.Delay(Timeout.Infinite, stop);
            return Reply.Completion("never");
        });
        using HttpReasoner reasoner = Reasoner(server);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reasoner.Reason(Request(0, 0), cancel.Token));
        Assert.Equal(1, server.Count);
    }

    [Fact]
    public async Task Http_takes_a_timeout_for_a_failed_try()
    {
        using LocalServer server = new(async (request, stop) =>
        {
            if (request.Number == 1) await Task.Delay(Timeout.Infinite, stop);
            return Reply.Completion("late");
        });
        using HttpReasoner reasoner = Reasoner(server, options => options with { Timeout = TimeSpan.FromSeconds(0.5) });
        Assert.Equal("late", (await reasoner.Reason(Request(0, 0), Cancellation)).Text);
    }

    [Fact]
    public async Task Http_keeps_to_its_bound_of_requests_at_once()
    {
        using LocalServer server = new(async (_, stop) =>
        {
            await Task.Delay(30, stop);
            return Reply.Completion("x");
        });
        using HttpReasoner reasoner = Reasoner(server, options => options with { Concurrency = 3 });
        await Task.WhenAll(Enumerable.Range(0, 12).Select(n => reasoner.Reason(Request(0, n), Cancellation)));
        Assert.InRange(server.MostOpen, 2, 3);
    }

    [Fact]
    public async Task Http_names_a_server_that_is_not_there()
    {
        LocalServer gone = new(_ => Reply.Completion(""));
        Uri endpoint = gone.Endpoint;
        gone.Dispose();
        using HttpReasoner reasoner = new(new HttpReasonerOptions { Endpoint = endpoint, Model = "m", Retries = 1, FirstDelay = TimeSpan.FromMilliseconds(1) });
        Assert.Contains("a broken connection", (await Assert.ThrowsAsync<HttpRequestException>(() => reasoner.Reason(Request(0, 0), Cancellation))).Message);
    }

    [Fact]
    public void A_key_that_cannot_be_sent_and_an_endpoint_with_a_password_are_named_without_showing_them()
    {
        Environment.SetEnvironmentVariable(HttpReasoner.KeyVariable, "secret\nkey");
        ArgumentException error = Assert.Throws<ArgumentException>(() => new HttpReasoner(new HttpReasonerOptions { Endpoint = new Uri("http://127.0.0.1:1"), Model = "m" }));
        Assert.DoesNotContain("secret", error.ToString());
        error = Assert.Throws<ArgumentException>(() => new HttpReasoner(new HttpReasonerOptions { Endpoint = new Uri("http://me:secret@127.0.0.1:1"), Model = "m" }));
        Assert.DoesNotContain("secret", error.ToString());
        Assert.Throws<ArgumentException>(() => new HttpReasoner(new HttpReasonerOptions { Endpoint = new Uri("ftp://127.0.0.1"), Model = "m" }));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static HttpReasoner Reasoner(LocalServer server, Func<HttpReasonerOptions, HttpReasonerOptions>? change = null)
    {
        HttpReasonerOptions options = new() { Endpoint = server.Endpoint, Model = "m", Retries = 2, FirstDelay = TimeSpan.FromMilliseconds(5) };
        return new HttpReasoner(change is null ? options : change(options));
    }

    private static ReasoningRequest Request(int caption, int answer) => new()
    {
        Id = "1", Caption = "a red circle", Question = "How many?", CaptionIndex = caption, AnswerIndex = answer, AnswersPerCaption = 2, Seed = 77,
    };
}
