using System.Diagnostics;
using System.Globalization;

namespace Sophia.Native.Cuda.Mutations;

/// <summary>A worker as the parent sees it; replaced after it hung or died.</summary>
/// <param name="cache">The folder for what the emulator compiles.</param>
internal sealed class WorkerProcess(string cache) : IDisposable
{
    private Process? _process;

    /// <summary>Runs the tests of some operations with other kernel sources.</summary>
    /// <param name="kernels">The folder of the sources.</param>
    /// <param name="operations">The operations.</param>
    /// <param name="limit">After how long the worker is taken to hang.</param>
    public Outcome Run(string kernels, IEnumerable<string> operations, TimeSpan limit)
    {
        _process ??= Start();
        var watch = Stopwatch.StartNew();
        _process.StandardInput.WriteLine($"{kernels}\t{string.Join(',', operations)}");
        _process.StandardInput.Flush();
        var answer = _process.StandardOutput.ReadLineAsync();
        if (!answer.Wait(limit))
        {
            Stop();
            return new(true, "time limit", $"no end after {limit.TotalSeconds:F0} s", watch.Elapsed);
        }
        if (answer.Result is not { } line)
        {
            _process.WaitForExit();
            var code = _process.ExitCode;
            Stop();
            return new(true, "crash", $"exit code {code}", watch.Elapsed);
        }
        var (count, failure) = line.Split('\t') is [var number, var text] ? (int.Parse(number, CultureInfo.InvariantCulture), text) : throw new InvalidOperationException($"The worker answered '{line}'.");
        if (failure.Length > 0)
            return new(true, Detector(failure), failure, watch.Elapsed);
        return count > 0 ? new(false, "", "", watch.Elapsed) : throw new InvalidOperationException($"No test ran for {string.Join(", ", operations)}.");
    }

    public void Dispose() => Stop();

    private Process Start()
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, "worker") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SOPHIA_EMULATOR_CACHE"] = cache;
        start.Environment["SOPHIA_EMULATOR_THREADS"] = "1";
        start.Environment["SOPHIA_EMULATOR_QUIET"] = "1";
        start.Environment["SOPHIA_CONFORMANCE_SEED"] = "1";
        start.Environment.Remove("SOPHIA_CUDA_TESTS");
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        return process;
    }

    private void Stop()
    {
        if (_process is null)
            return;
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Who found it: the compiler, the emulator's checks, or a comparison of results.</summary>
    private static string Detector(string failure) =>
        failure.Contains("nvrtcCompileProgram", StringComparison.Ordinal) ? "compiler" : failure.Contains("emulator", StringComparison.OrdinalIgnoreCase) || failure.Contains("CUDA_ERROR", StringComparison.Ordinal) ? "emulator" : "results";
}
