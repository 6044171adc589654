using System.Runtime.CompilerServices;
using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    private const int MostFaults = 256;
    private const string CoreSuffix = "Core";

    /// <summary>Whether every launch is waited for, so that an error names the kernel that made it: SOPHIA_CUDA_SYNCHRONIZE=1.</summary>
    private static readonly bool SynchronizesLaunches = Environment.GetEnvironmentVariable("SOPHIA_CUDA_SYNCHRONIZE") == "1";

    private readonly KernelModules _modules = null!;
    private readonly Dictionary<KernelKey, CompiledKernel> _kernels = [];
    private readonly ArgumentBlock _arguments = new();
    private readonly List<CompiledKernel> _faultKernels = [];
    private readonly CudaBuffer _faults = null!;
    private CompiledKernel? _lastKernel;
    private bool _mayHaveFaults;

    /// <summary>What a message says of earlier work.</summary>
    internal LastLaunch LastLaunch => new(_lastKernel, _arguments);

    /// <summary>Begins a launch. At first use the kernel's file is compiled, or read from the cache, and loaded; after that nothing is allocated.</summary>
    /// <param name="file">The kernel's file.</param>
    /// <param name="kernel">Its name; a literal.</param>
    /// <param name="storage">The type of activations and parameters: Float32 or BFloat16.</param>
    /// <param name="constant0">Value of the file's first constant.</param>
    /// <param name="constant1">Value of the second.</param>
    /// <param name="constant2">Value of the third.</param>
    /// <param name="constant3">Value of the fourth.</param>
    /// <param name="operation">The operation, for messages.</param>
    internal Launch Begin(KernelFile file, string kernel, ElementType storage, int constant0 = 0, int constant1 = 0, int constant2 = 0, int constant3 = 0, [CallerMemberName] string operation = "")
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var key = new KernelKey(kernel, new(file, storage == ElementType.BFloat16 ? 16 : 32, constant0, constant1, constant2, constant3));
        if (!_kernels.TryGetValue(key, out var compiled))
        {
            if (storage is not (ElementType.Float32 or ElementType.BFloat16))
                throw new NotSupportedException($"{operation}: kernels exist for Float32 and BFloat16, not for {storage}.");
            compiled = new(kernel, key.Specialization, _modules.Function(key.Specialization, kernel),
                operation.EndsWith(CoreSuffix, StringComparison.Ordinal) ? operation[..^CoreSuffix.Length] : operation);
            _kernels.Add(key, compiled);
        }
        _arguments.Clear();
        return new(this, compiled, _arguments);
    }

    /// <summary>Launches what <see cref="Begin"/> began.</summary>
    internal unsafe void Run(CompiledKernel kernel, ArgumentBlock arguments, long blocksX, long blocksY, long blocksZ, int threads, int sharedBytes)
    {
        using var scope = Enter();
        if (!kernel.IsLayoutChecked)
            CheckLayout(kernel, arguments);
        if (sharedBytes > kernel.AllowedSharedBytes)
            AllowShared(kernel, sharedBytes);
        if (blocksX is <= 0 or > int.MaxValue || blocksY is <= 0 or > ushort.MaxValue || blocksZ is <= 0 or > ushort.MaxValue)
            throw new CudaException($"{kernel.Operation}: {kernel} cannot be launched with a grid of {blocksX} x {blocksY} x {blocksZ} blocks.");
        _lastKernel = kernel;
        CudaError.Check(CudaDriver.cuLaunchKernel(kernel.Function, (uint)blocksX, (uint)blocksY, (uint)blocksZ, (uint)threads, 1, 1, (uint)sharedBytes, _stream, arguments.Addresses, null),
            $"{kernel.Operation}: cuLaunchKernel({kernel}, grid {blocksX} x {blocksY} x {blocksZ}, {threads} threads, {sharedBytes} bytes of shared memory; arguments {arguments})");
        if (SynchronizesLaunches)
            CudaError.Check(CudaDriver.cuStreamSynchronize(_stream),
                $"{kernel.Operation}: {kernel} (grid {blocksX} x {blocksY} x {blocksZ}, {threads} threads, {sharedBytes} bytes of shared memory; arguments {arguments})");
    }

    /// <summary>Where a kernel reports bad data.</summary>
    internal nint FaultAddress(CompiledKernel kernel)
    {
        if (kernel.FaultSlot < 0)
        {
            if (_faultKernels.Count == MostFaults)
                throw new InvalidOperationException($"At most {MostFaults} kernels can report faults.");
            kernel.FaultSlot = _faultKernels.Count;
            _faultKernels.Add(kernel);
        }
        _mayHaveFaults = true;
        return _faults.Address + kernel.FaultSlot * sizeof(int);
    }

    private CudaBuffer AllocateFaults() => (CudaBuffer)Allocate(MostFaults * sizeof(int));

    /// <summary>Asks for the codes that kernels may have reported; they are there after the next wait.</summary>
    private void FetchFaults()
    {
        if (_mayHaveFaults)
            _staging.FetchAside(_faults.Address, _faultKernels.Count * sizeof(int));
    }

    /// <summary>Throws for the first kernel that reported bad data; the stream was waited for after <see cref="FetchFaults"/>, the context is current.</summary>
    private void CheckFaults()
    {
        if (!_mayHaveFaults)
            return;
        _mayHaveFaults = false;
        var codes = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(_staging.Aside)[.._faultKernels.Count];
        var first = codes.IndexOfAnyExcept(0);
        if (first < 0)
            return;
        var fault = $"{_faultKernels[first].Operation}: {KernelFaults.Describe(codes[first])}.";
        CudaError.Check(CudaDriver.cuMemsetD8Async(_faults.Address, 0, (nuint)_faults.Bytes, _stream), $"cuMemsetD8Async()");
        throw new ArgumentException(fault);
    }

    private void AllowShared(CompiledKernel kernel, int sharedBytes)
    {
        if (sharedBytes > _device.MaximumSharedBytes)
            throw new CudaException($"{kernel.Operation}: {kernel} needs {sharedBytes} bytes of shared memory for a block; {_device.Name} has {_device.MaximumSharedBytes}.");
        CudaError.Check(CudaDriver.cuFuncSetAttribute(kernel.Function, FunctionAttribute.MaximumDynamicSharedBytes, sharedBytes),
            $"{kernel.Operation}: cuFuncSetAttribute({kernel}, dynamic shared memory {sharedBytes})");
        kernel.AllowedSharedBytes = sharedBytes;
    }

    /// <summary>Compares number and sizes of the arguments with the parameters of the compiled kernel, where the driver knows them.</summary>
    private static void CheckLayout(CompiledKernel kernel, ArgumentBlock arguments)
    {
        kernel.IsLayoutChecked = true;
        if (!CudaLibraries.HasParameterInformation)
            return;
        for (var i = 0; ; i++)
        {
            var result = CudaDriver.cuFuncGetParamInfo(kernel.Function, (nuint)i, out _, out var size);
            if (result != CudaResult.Success)
            {
                if (i != arguments.Count)
                    throw new CudaException($"{kernel.Operation}: {kernel} has {i} parameters, the launch has {arguments.Count} arguments: {arguments}.");
                return;
            }
            if (i == arguments.Count)
                throw new CudaException($"{kernel.Operation}: {kernel} has more parameters than the launch's {arguments.Count} arguments: {arguments}.");
            if ((int)size != arguments.SizeOf(i))
                throw new CudaException($"{kernel.Operation}: parameter {i} of {kernel} has {size} bytes, the launch's argument has {arguments.SizeOf(i)}: {arguments}.");
        }
    }

    /// <summary>A kernel of a specialization; the name is compared by reference.</summary>
    private readonly record struct KernelKey(string Kernel, KernelSpecialization Specialization)
    {
        public bool Equals(KernelKey other) => ReferenceEquals(Kernel, other.Kernel) && Specialization.Equals(other.Specialization);

        public override int GetHashCode() => HashCode.Combine(RuntimeHelpers.GetHashCode(Kernel), Specialization);
    }
}
