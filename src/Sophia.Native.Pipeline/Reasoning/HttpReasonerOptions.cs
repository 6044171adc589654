namespace Sophia.Native.Pipeline.Reasoning;

/// <summary>How <see cref="HttpReasoner"/> speaks to its server.</summary>
public sealed record HttpReasonerOptions
{
    /// <summary>Base address such as <c>http://127.0.0.1:8000/v1</c>, or the whole address ending in <c>/chat/completions</c>.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>The name of the model as the server knows it.</summary>
    public required string Model { get; init; }

    /// <summary>Limit of an answer in the reasoner's tokens; the paper's 32768.</summary>
    public int MaximumTokens { get; init; } = 32768;

    /// <summary>Sampling temperature; null leaves it to the server.</summary>
    public double? Temperature { get; init; } = 1.0;

    /// <summary>Nucleus of sampling; null leaves it to the server.</summary>
    public double? TopP { get; init; }

    /// <summary>How many requests may be under way at once.</summary>
    public int Concurrency { get; init; } = 8;

    /// <summary>How often a request is tried again after 408, 429, 5xx, a broken connection, a timeout or an answer that is none.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>The first pause before trying again; it doubles every time. A Retry-After of the server is kept where it is longer.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Time for one try; long answers take minutes.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(20);
}
