using System.Reflection;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Frontend;
using ILGPU.Frontend.Intrinsic;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>
/// What ILGPU 1.5 does not know of .NET's arithmetic, so that the engine's own functions can be called inside a kernel: MathF.FusedMultiplyAdd becomes the fused instruction of PTX and the function
/// of OpenCL C, and the unsigned conversions of BitConverter those of ILGPU. ILGPU's CPU accelerator runs .NET's own.
/// </summary>
internal static class MathIntrinsics
{
    private const BindingFlags StaticMethods = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    static MathIntrinsics()
    {
        Map(typeof(MathF), nameof(MathF.FusedMultiplyAdd), nameof(FusedMultiplyAdd), typeof(float), typeof(float), typeof(float));
        Map(typeof(BitConverter), nameof(BitConverter.SingleToUInt32Bits), nameof(Bits), typeof(float));
        Map(typeof(BitConverter), nameof(BitConverter.UInt32BitsToSingle), nameof(FromBits), typeof(uint));
        Map(typeof(Math), nameof(Math.Clamp), nameof(Clamp), typeof(float), typeof(float), typeof(float));
    }

    /// <summary>A compiler for the kernels of an accelerator that knows the functions: the accelerator's own was made before they could be registered. Null where ILGPU runs .NET's own.</summary>
    public static ILGPU.Backends.Backend? Compiler(Accelerator accelerator)
    {
        Register(accelerator.Context);
        return accelerator switch
        {
            CudaAccelerator cuda => new PTXBackend(cuda.Context, cuda.Capabilities, cuda.Architecture, cuda.InstructionSet, null),
            CLAccelerator cl => new CLBackend(cl.Context, cl.Capabilities, cl.Vendor, cl.CLStdVersion),
            _ => null,
        };
    }

    /// <summary>Makes the functions known to the compilers of a context that are made from now on.</summary>
    public static void Register(Context context)
    {
        var manager = context.GetIntrinsicManager();
        var method = Own(nameof(FusedMultiplyAdd));
        manager.RegisterMethod(method, new PTXIntrinsic(typeof(MathIntrinsics), nameof(GeneratePtx), IntrinsicImplementationMode.GenerateCode));
        manager.RegisterMethod(method, new CLIntrinsic(typeof(MathIntrinsics), nameof(GenerateOpenCL), IntrinsicImplementationMode.GenerateCode));
    }

    /// <summary>Stands for MathF.FusedMultiplyAdd in ILGPU's intermediate code; never run as it is written here.</summary>
    [IntrinsicImplementation]
    private static float FusedMultiplyAdd(float left, float right, float addend) => left * right + addend;

    private static uint Bits(float value) => Interop.FloatAsInt(value);

    private static float FromBits(uint bits) => Interop.IntAsFloat(bits);

    private static float Clamp(float value, float low, float high) => value < low ? low : value > high ? high : value;

    private static void GeneratePtx(PTXBackend backend, PTXCodeGenerator codeGenerator, Value value)
    {
        var left = codeGenerator.LoadPrimitive(value[0]);
        var right = codeGenerator.LoadPrimitive(value[1]);
        var addend = codeGenerator.LoadPrimitive(value[2]);
        var target = codeGenerator.AllocateHardware(value);
        using var command = codeGenerator.BeginCommand("fma.rn.f32");
        command.AppendArgument(target);
        command.AppendArgument(left);
        command.AppendArgument(right);
        command.AppendArgument(addend);
    }

    private static void GenerateOpenCL(CLBackend backend, CLCodeGenerator codeGenerator, Value value)
    {
        var left = codeGenerator.Load(value[0]);
        var right = codeGenerator.Load(value[1]);
        var addend = codeGenerator.Load(value[2]);
        var target = codeGenerator.Allocate(value);
        using var statement = codeGenerator.BeginStatement(target);
        statement.AppendCommand("fma(");
        statement.Append(left);
        statement.AppendCommand(", ");
        statement.Append(right);
        statement.AppendCommand(", ");
        statement.Append(addend);
        statement.AppendCommand(')');
    }

    private static MethodInfo Own(string name) => typeof(MathIntrinsics).GetMethod(name, StaticMethods)!;

    private static void Map(Type type, string name, string own, params Type[] parameters)
    {
        var target = Own(own);
        RemappedIntrinsics.AddRemapping(type.GetMethod(name, parameters)!, (ref InvocationContext context) => context.Method = target);
    }
}
