using System.Diagnostics;
using System.Globalization;

namespace Sophia.Native.Cli;

/// <summary>How far long work is, how fast it goes and how long it will take: one line that renews itself on a terminal, elsewhere a plain line now and then.</summary>
/// <param name="output">Where it goes.</param>
/// <param name="name">What is done.</param>
/// <param name="total">How much there is to do.</param>
/// <param name="begin">Time stamp of the work's begin, where that was before now.</param>
internal sealed class ProgressLine(CommandOutput output, string name, long total, long? begin = null)
{
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TerminalInterval = TimeSpan.FromMilliseconds(100);

    private readonly long _start = begin ?? Stopwatch.GetTimestamp();
    private long _shown;
    private long _first = -1;
    private long _last = -1;

    /// <summary>Says how much is done. The first call counts as what was there before.</summary>
    /// <param name="done">How much.</param>
    /// <param name="detail">What else a person would like to know of it.</param>
    public void Report(long done, string detail = "")
    {
        if (_first < 0)
            _first = done;
        if (done == _last && done != 0)
            return;
        var isFirst = _last < 0;
        _last = done;
        var isShown = isFirst || done >= total || output.IsDebug || Stopwatch.GetElapsedTime(_shown) >= (output.IsTerminal ? TerminalInterval : PlainInterval);
        if (!isShown)
            return;
        _shown = Stopwatch.GetTimestamp();
        var text = Describe(done, detail);
        if (!output.IsTerminal || output.IsDebug)
        {
            output.Note(text);
            return;
        }
        output.Status(text);
        if (done >= total)
            output.EndStatus();
    }

    private string Describe(long done, string detail)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{name} {done} of {total}{detail}");
        var fresh = done - _first;
        if (fresh <= 0)
            return text;
        var elapsed = Stopwatch.GetElapsedTime(_start);
        var rate = fresh / Math.Max(elapsed.TotalSeconds, 1e-9);
        text += rate >= 1 ? string.Create(CultureInfo.InvariantCulture, $", {rate:0.0}/s") : string.Create(CultureInfo.InvariantCulture, $", {1 / rate:0.0} s each");
        return done >= total ? $"{text}, {Duration(elapsed)}" : $"{text}, {Duration((total - done) / rate)} left";
    }

    private static string Duration(TimeSpan time) => Duration(time.TotalSeconds);

    private static string Duration(double seconds) => seconds switch
    {
        < 100 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s"),
        < 6000 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.0} h"),
    };
}
