namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// One sample of supervised warm-up or replay. The chat template puts the system message and the user's text around it, and the picture of
/// <see cref="Scene"/>, where there is one, in front of the user's text.
/// </summary>
/// <param name="Scene">The scene whose picture is shown; null for a task in text alone.</param>
/// <param name="SystemMessage">What the system says: plain or slow thinking.</param>
/// <param name="UserText">What the user says, without the placeholder of the image; may be empty where there is an image.</param>
/// <param name="Response">The response in pieces.</param>
/// <param name="EndsTurn">Whether the response ends with a trained end of turn (<c>&lt;|im_end|&gt;</c>); without it the text stops in mid-air.</param>
internal sealed record WarmUpTask(Scene? Scene, string SystemMessage, string UserText, IReadOnlyList<ResponseSegment> Response, bool EndsTurn)
{
    /// <summary>The pieces of the response end to end.</summary>
    public string ResponseText => string.Concat(Response.Select(segment => segment.Text));
}
