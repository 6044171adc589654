using Sophia.Native.Cuda.Tests.Emulation;

namespace Sophia.Native.Cuda.Tests.Faults;

/// <summary>Machines without NVIDIA's driver or compiler, as the command line shows them; in child processes, because a process looks for the libraries once.</summary>
public sealed class MissingLibraryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _records;

    private static readonly Dictionary<string, string?> NoDriver = new() { ["SOPHIA_CUDA_DRIVER"] = "/nowhere/libcuda.so.1" };

    public MissingLibraryTests() => _records = _folder.Write("""{"id": "a", "input_ids": [5, 6, 7]}""", "records.jsonl");

    [Fact]
    public void Without_a_driver_the_cuda_backend_is_one_clear_error()
    {
        var (code, output, error) = Run(NoDriver, "score", "--model", Model, "--data", _records, "--backend", "cuda");
        Assert.Equal(1, code);
        Assert.Equal("", output);
        Assert.Equal("sophia: cuda: the NVIDIA driver was not found. Tried: /nowhere/libcuda.so.1 (SOPHIA_CUDA_DRIVER): no such file. Install NVIDIA's driver.", error.Trim());
    }

    [Fact]
    public void Without_a_driver_auto_takes_what_there_is_and_says_so()
    {
        var (code, output, error) = Run(NoDriver, "score", "--model", Model, "--data", _records);
        Assert.True(code == 0, error);
        Assert.Contains("logprobs", output);
        // ILGPU looks for the driver in other places, and for OpenCL besides.
        Assert.Matches("cuda: the NVIDIA driver was not found; (ilgpu: there is no GPU that ILGPU can use; cpu|ilgpu:(cuda|opencl):0), ", error);
        Assert.Contains(" is used (sophia doctor says more).", error);
    }

    [Fact]
    public void Without_a_driver_the_doctor_names_every_place()
    {
        var (code, output, _) = Run(NoDriver, "doctor");
        Assert.Equal(0, code);
        Assert.Contains("cuda      not available: cuda: the NVIDIA driver was not found\n", output);
        Assert.Contains("cuda        /nowhere/libcuda.so.1 (SOPHIA_CUDA_DRIVER): no such file\n", output);
        Assert.Contains("auto      cpu, ", output);
    }

    [Fact]
    public void A_library_that_is_no_driver_is_one_clear_error_and_auto_goes_on()
    {
        const string other = "/lib/x86_64-linux-gnu/libm.so.6";
        if (!File.Exists(other))
            Assert.Skip($"{other}, which stands for a wrong library here, is not on this system.");
        var (code, _, error) = Run(new() { ["SOPHIA_CUDA_DRIVER"] = other }, "score", "--model", Model, "--data", _records, "--backend", "cuda");
        Assert.Equal(1, code);
        Assert.StartsWith($"sophia: cuda: {other} is no driver of NVIDIA's, or a stub. ", error);
        (code, _, error) = Run(new() { ["SOPHIA_CUDA_DRIVER"] = other }, "score", "--model", Model, "--data", _records);
        Assert.True(code == 0, error);
    }

    [Fact]
    public void Without_a_compiler_the_cuda_backend_is_one_clear_error()
    {
        if (Emulator.IsReplacedByGpu || !OperatingSystem.IsLinux())
            Assert.Skip("The emulator stands for the driver here.");
        if (Emulator.WhyNot is { } reason)
            Assert.Skip(reason);
        using var folder = new TemporaryFolder();
        File.Copy(Emulator.Library, folder.File("libcuda.so.1"));
        Dictionary<string, string?> environment = new() { ["SOPHIA_CUDA_DRIVER"] = null, ["LD_LIBRARY_PATH"] = folder.Path, ["CUDA_PATH"] = folder.Path, ["SOPHIA_CUDA_PATH"] = null };
        var (_, report, _) = Run(environment, "doctor");
        if (!report.Contains("NVRTC: not found", StringComparison.Ordinal))
            Assert.Skip("This machine has NVRTC where it is always looked for.");
        Assert.Contains($"the NVIDIA driver: for CUDA 12.8, {folder.File("libcuda.so.1")}", report);
        Assert.Contains("cuda:0: ", report);
        var (code, _, error) = Run(environment, "score", "--model", Model, "--data", _records, "--backend", "cuda");
        Assert.Equal(1, code);
        Assert.StartsWith("sophia: cuda: NVRTC was not found. Tried: ", error);
        Assert.Contains($"{folder.File("libnvrtc.so.12")} (CUDA_PATH): no such file", error);
        Assert.Contains("nvidia-cuda-nvrtc", error);
    }

    private static string Model => Path.Combine(Emulator.Repository, "tests", "golden", "models", "internlm2-vit300m", "hf");

    public void Dispose() => _folder.Dispose();

    private static (int Code, string Output, string Error) Run(Dictionary<string, string?> environment, params string[] arguments) => ChildProcess.Finish(ChildProcess.StartCommand(environment, arguments));
}
