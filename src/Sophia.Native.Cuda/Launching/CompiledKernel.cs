using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.Launching;

/// <summary>A kernel that is loaded on a device.</summary>
/// <param name="name">Its name.</param>
/// <param name="specialization">The module it belongs to.</param>
/// <param name="function">The driver's handle.</param>
/// <param name="operation">The operation that launches it, for messages.</param>
internal sealed class CompiledKernel(string name, KernelSpecialization specialization, nint function, string operation)
{
    public string Name => name;

    public KernelSpecialization Specialization => specialization;

    public nint Function => function;

    public string Operation => operation;

    /// <summary>The most dynamic shared memory a launch was allowed so far; beyond 48 KB the driver wants to be asked.</summary>
    public int AllowedSharedBytes { get; set; } = 48 * 1024;

    /// <summary>Whether number and sizes of the arguments were compared with the compiled kernel's.</summary>
    public bool IsLayoutChecked { get; set; }

    /// <summary>Place of its fault code, minus one while it has none.</summary>
    public int FaultSlot { get; set; } = -1;

    public override string ToString() => $"{name} ({specialization})";
}
