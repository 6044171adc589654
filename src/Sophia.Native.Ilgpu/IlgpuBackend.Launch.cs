using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// A kernel is a struct with its arguments (IKernel); ILGPU compiles it at its first launch. After that a launch looks up a delegate and allocates nothing here (on the CPU accelerator ILGPU itself makes an
// object for every launch).
public sealed partial class IlgpuBackend
{
    private const int MostFaults = 64;
    private const string CoreSuffix = "Core";

    /// <summary>Groups of an elementwise launch for each multiprocessor; each goes on in steps of the grid.</summary>
    private const int GroupsOfMultiprocessor = 32;

    private readonly Dictionary<Type, Delegate> _launchers = [];

    /// <summary>What makes the code of a kernel, or null for the accelerator's own way.</summary>
    private readonly ILGPU.Backends.Backend? _compiler;
    private readonly List<Kernel> _kernels = [];
    private readonly List<string> _faultOperations = [];
    private readonly DeviceBuffer _faults;
    private bool _mayHaveFaults;

    /// <summary>Groups that are worth launching: one where they would follow each other anyway.</summary>
    private long MostGroups => _accelerator is CPUAccelerator ? _accelerator.NumMultiprocessors : (long)_accelerator.NumMultiprocessors * GroupsOfMultiprocessor;

    /// <summary>Launches a kernel.</summary>
    /// <param name="kernel">The kernel with its arguments.</param>
    /// <param name="groupsX">Groups along x.</param>
    /// <param name="groupsY">Groups along y.</param>
    /// <param name="groupSize">Threads of a group.</param>
    /// <param name="operation">The operation, for messages.</param>
    internal void Launch<TKernel>(in TKernel kernel, long groupsX, long groupsY, int groupSize, [CallerMemberName] string operation = "")
        where TKernel : struct, IKernel
    {
        Enter();
        if (groupsX is <= 0 or > int.MaxValue || groupsY is <= 0 or > ushort.MaxValue)
            throw new IlgpuException($"{Without(operation)}: {typeof(TKernel).Name} cannot be launched with a grid of {groupsX} x {groupsY} groups.");
        var launcher = _launchers.TryGetValue(typeof(TKernel), out var known) ? Unsafe.As<Action<AcceleratorStream, KernelConfig, TKernel>>(known) : Load<TKernel>(operation);
        try
        {
            launcher(_stream, new KernelConfig((int)groupsX, (int)groupsY, 1, groupSize, 1, 1), kernel);
        }
        catch (AcceleratorException refusal)
        {
            throw new IlgpuException($"{Without(operation)}: {NameOf(typeof(TKernel))} with {groupsX} x {groupsY} groups of {groupSize} threads failed on {Description}: {refusal.Message}", refusal);
        }
    }

    /// <summary>Launches an elementwise operation over [rows, columns].</summary>
    internal void ForEach<TOperator>(in TOperator elements, long rows, long columns, [CallerMemberName] string operation = "")
        where TOperator : struct, IElementOperator
    {
        if (rows == 0 || columns == 0)
            return;
        var threads = GroupSize;
        while (threads / 2 >= columns && threads > 32)
            threads /= 2;
        var across = Math.Min((columns + threads - 1) / threads, MostGroups);
        var down = Math.Clamp(MostGroups / across, 1, rows);
        Launch(new ElementLoop<TOperator>(elements, rows, checked((int)columns)), down, across, threads, operation);
    }

    /// <summary>Launches an elementwise operation over a vector of any length: row and column of the operator are those of <see cref="VectorIndex"/>, and the last row may reach beyond the vector.</summary>
    internal void ForVector<TOperator>(in TOperator elements, long length, [CallerMemberName] string operation = "")
        where TOperator : struct, IElementOperator =>
        ForEach(elements, (length + VectorIndex.RowLength - 1) / VectorIndex.RowLength, Math.Min(length, VectorIndex.RowLength), operation);

    /// <summary>Launches an operation over rows, a team each.</summary>
    internal void ForRows<TOperator>(in TOperator rowOperator, long rows, [CallerMemberName] string operation = "")
        where TOperator : struct, IRowOperator
    {
        if (rows == 0)
            return;
        var teamSize = HasTeams ? LaneTree.Lanes : 1;
        var groups = Math.Min(BlocksOf(rows, GroupSize / teamSize), MostTiles);
        if (HasTeams)
            Launch(new RowLoop<TOperator, WarpTeam>(rowOperator, rows), groups, 1, GroupSize, operation);
        else
            Launch(new RowLoop<TOperator, SingleTeam>(rowOperator, rows), groups, 1, GroupSize, operation);
    }

    /// <summary>Where a kernel of the operation reports bad data that only the device can see: one number, a <see cref="KernelFault"/>.</summary>
    internal ArrayView<int> Faults([CallerMemberName] string operation = "")
    {
        var name = Without(operation);
        var slot = _faultOperations.IndexOf(name);
        if (slot < 0)
        {
            slot = _faultOperations.Count;
            _faultOperations.Add(name);
        }
        _mayHaveFaults = true;
        return Elements<int>(_faults.AsView(ElementType.Int32).ColumnRange(slot, 1));
    }

    /// <summary>Throws for the first operation that reported bad data; the stream was waited for.</summary>
    private void CheckFaults()
    {
        if (!_mayHaveFaults)
            return;
        _mayHaveFaults = false;
        Span<int> codes = stackalloc int[MostFaults];
        var memory = ((IlgpuBuffer)_faults).Memory;
        memory.AsRawArrayView().CopyToCPU(_stream, System.Runtime.InteropServices.MemoryMarshal.AsBytes(codes));
        _stream.Synchronize();
        var first = codes.IndexOfAnyExcept(0);
        if (first < 0)
            return;
        memory.MemSet(_stream, 0, 0, memory.LengthInBytes);
        throw new ArgumentException($"{_faultOperations[first]}: {KernelFaults.Describe(codes[first])}.");
    }

    private Action<AcceleratorStream, KernelConfig, TKernel> Load<TKernel>(string operation)
        where TKernel : struct, IKernel
    {
        try
        {
            var entry = typeof(KernelEntry).GetMethod(nameof(KernelEntry.Run))!.MakeGenericMethod(typeof(TKernel));
            // Told how large a group can be, CUDA's assembler need not save registers for groups of 1024 threads.
            var specialization = _accelerator is CudaAccelerator ? new KernelSpecialization(GroupSize, 1) : default;
            var kernel = _compiler is null
                ? _accelerator.LoadKernel(entry, specialization)
                : _accelerator.LoadKernel(_compiler.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(entry), specialization));
            _kernels.Add(kernel);
            var launcher = kernel.CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TKernel>>();
            _launchers.Add(typeof(TKernel), launcher);
            return launcher;
        }
        catch (Exception refusal) when (refusal is InternalCompilerException or NotSupportedException or AcceleratorException or InvalidOperationException or CapabilityNotSupportedException)
        {
            throw new IlgpuException($"{Without(operation)}: ILGPU cannot compile {NameOf(typeof(TKernel))} for {Description}: {Innermost(refusal).Message.ReplaceLineEndings(" ")}", refusal);
        }
    }

    private static Exception Innermost(Exception exception)
    {
        while (exception.InnerException is { } inner)
            exception = inner;
        return exception;
    }

    private static string NameOf(Type type)
    {
        var name = type.Name.Split('`')[0];
        return type.IsGenericType ? $"{name}<{string.Join(", ", Array.ConvertAll(type.GetGenericArguments(), NameOf))}>" : name;
    }

    private static string Without(string operation) => operation.EndsWith(CoreSuffix, StringComparison.Ordinal) ? operation[..^CoreSuffix.Length] : operation;
}
