namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>The shape of a group that computes a square tile: a constant of the compiled kernel.</summary>
internal interface ISquare
{
    /// <summary>The group is Side x Side threads.</summary>
    static abstract int Side { get; }
}

/// <summary>256 threads.</summary>
internal readonly struct Square16 : ISquare
{
    public static int Side => 16;
}

/// <summary>64 threads.</summary>
internal readonly struct Square8 : ISquare
{
    public static int Side => 8;
}

/// <summary>16 threads, all that a group of ILGPU's CPU accelerator has.</summary>
internal readonly struct Square4 : ISquare
{
    public static int Side => 4;
}
