using System.Runtime.InteropServices;
using System.Text;
using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>Compiles a specialization with NVRTC: to a cubin for the exact device, or to PTX where the compiler is older than the device. Needs neither a device nor a driver.</summary>
/// <param name="sources">The sources.</param>
internal sealed unsafe class KernelCompiler(KernelSources sources)
{
    /// <summary>Options that do not depend on device or constants. Products and sums are fused only where fmaf says so; the report of registers and spills goes into the log.</summary>
    private static readonly string[] CommonOptions = ["--std=c++17", "--fmad=false", "--extra-device-vectorization", "--ptxas-options=-v"];

    /// <summary>Compiles.</summary>
    /// <param name="specialization">What.</param>
    /// <param name="architecture">For which device.</param>
    /// <param name="keepsPtx">Whether the PTX comes with a cubin.</param>
    /// <exception cref="CudaException">The compiler refused; its log is in the message.</exception>
    public KernelImage Compile(KernelSpecialization specialization, DeviceArchitecture architecture, bool keepsPtx = false)
    {
        using var texts = new NativeTexts();
        var options = Options(specialization, architecture);
        var text = sources.Read(specialization.File);
        var included = sources.HeadersOf(text);
        var headerTexts = new nint[included.Count];
        var headerNames = new nint[included.Count];
        for (var i = 0; i < headerTexts.Length; i++)
            (headerTexts[i], headerNames[i]) = (texts.Add(included[i].Text), texts.Add(included[i].Name));
        var optionTexts = new nint[options.Count];
        for (var i = 0; i < optionTexts.Length; i++)
            optionTexts[i] = texts.Add(options[i]);
        var (source, name) = (texts.Add(text), texts.Add(specialization.File.ToString()));
        nint program;
        fixed (nint* headers = headerTexts, names = headerNames)
            Check(Nvrtc.nvrtcCreateProgram(out program, (byte*)source, (byte*)name, headerTexts.Length, (byte**)headers, (byte**)names), "nvrtcCreateProgram", specialization, "");
        try
        {
            int result;
            fixed (nint* given = optionTexts)
                result = Nvrtc.nvrtcCompileProgram(program, optionTexts.Length, (byte**)given);
            var log = Log(program);
            Check(result, $"nvrtcCompileProgram({string.Join(' ', options)})", specialization, log);
            return new(architecture.IsPtx ? Ptx(program, specialization) : Cubin(program, specialization), architecture.IsPtx, log, IsFromCache: false, keepsPtx ? Ptx(program, specialization) : null);
        }
        finally
        {
            Nvrtc.nvrtcDestroyProgram(ref program);
        }
    }

    /// <summary>All options of a compilation.</summary>
    public static List<string> Options(KernelSpecialization specialization, DeviceArchitecture architecture) =>
        [$"--gpu-architecture={architecture.Name}", .. CommonOptions, .. specialization.Definitions()];

    private static byte[] Cubin(nint program, KernelSpecialization specialization)
    {
        Check(Nvrtc.nvrtcGetCUBINSize(program, out var bytes), "nvrtcGetCUBINSize", specialization, "");
        var image = new byte[bytes];
        fixed (byte* destination = image)
            Check(Nvrtc.nvrtcGetCUBIN(program, destination), "nvrtcGetCUBIN", specialization, "");
        return image;
    }

    private static byte[] Ptx(nint program, KernelSpecialization specialization)
    {
        Check(Nvrtc.nvrtcGetPTXSize(program, out var bytes), "nvrtcGetPTXSize", specialization, "");
        var image = new byte[bytes];
        fixed (byte* destination = image)
            Check(Nvrtc.nvrtcGetPTX(program, destination), "nvrtcGetPTX", specialization, "");
        return image;
    }

    private static string Log(nint program)
    {
        if (Nvrtc.nvrtcGetProgramLogSize(program, out var bytes) != 0 || bytes <= 1)
            return "";
        var text = new byte[bytes];
        fixed (byte* destination = text)
            return Nvrtc.nvrtcGetProgramLog(program, destination) == 0 ? Encoding.UTF8.GetString(text).TrimEnd('\0', '\n') : "";
    }

    private static void Check(int result, string call, KernelSpecialization specialization, string log)
    {
        if (result != 0)
            throw new CudaException($"{specialization}: {call} failed with {Marshal.PtrToStringUTF8((nint)Nvrtc.nvrtcGetErrorString(result))} ({result}).{(log.Length == 0 ? "" : $"\n{log}")}", result);
    }
}
