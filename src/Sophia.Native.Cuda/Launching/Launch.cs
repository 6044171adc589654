namespace Sophia.Native.Cuda.Launching;

/// <summary>
/// One launch while it is put together: arguments in the order and with exactly the types of the kernel's parameters, then <see cref="Run"/>. Nothing is allocated.
/// One launch at a time: the next <c>Begin</c> of the backend reuses the arguments' memory.
/// </summary>
/// <param name="backend">Where.</param>
/// <param name="kernel">What.</param>
/// <param name="arguments">The backend's block, empty.</param>
internal readonly ref struct Launch(CudaBackend backend, CompiledKernel kernel, ArgumentBlock arguments)
{
    /// <summary>One parameter, the pointer of a view; null for an absent one.</summary>
    public void Add(DeviceView view) => arguments.Add(backend.AddressOf(view), ArgumentKind.Pointer);

    /// <summary>Two parameters: pointer and row stride in elements (long long).</summary>
    public void AddMatrix(DeviceView view)
    {
        Add(view);
        Add(view.Stride);
    }

    /// <summary>A device address.</summary>
    public void AddPointer(nint address) => arguments.Add(address, ArgumentKind.Pointer);

    public void Add(int value) => arguments.Add(value, ArgumentKind.Int);

    public void Add(long value) => arguments.Add(value, ArgumentKind.Long);

    public void Add(uint value) => arguments.Add(value, ArgumentKind.UnsignedInt);

    public void Add(ulong value) => arguments.Add(value, ArgumentKind.UnsignedLong);

    public void Add(float value) => arguments.Add(value, ArgumentKind.Float);

    public void Add(double value) => arguments.Add(value, ArgumentKind.Double);

    /// <summary>
    /// One parameter <c>int* faults</c>: the kernel reports bad data by <c>atomicMax(faults, code)</c> with a <see cref="KernelFault"/> and goes on safely.
    /// The next download or synchronization throws an <see cref="ArgumentException"/> that names the operation.
    /// </summary>
    public void AddFaults() => AddPointer(backend.FaultAddress(kernel));

    /// <summary>Launches on the backend's stream.</summary>
    /// <param name="blocksX">Blocks along x.</param>
    /// <param name="blocksY">Blocks along y.</param>
    /// <param name="blocksZ">Blocks along z.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block.</param>
    public void Run(long blocksX, long blocksY = 1, long blocksZ = 1, int threads = 256, int sharedBytes = 0) => backend.Run(kernel, arguments, blocksX, blocksY, blocksZ, threads, sharedBytes);
}
