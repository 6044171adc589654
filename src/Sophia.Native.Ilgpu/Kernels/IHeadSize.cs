namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>The size of an attention head, a constant of the compiled kernel.</summary>
internal interface IHeadSize
{
    /// <summary>D.</summary>
    static abstract int Size { get; }
}

internal readonly struct Head16 : IHeadSize
{
    public static int Size => 16;
}

internal readonly struct Head32 : IHeadSize
{
    public static int Size => 32;
}

internal readonly struct Head48 : IHeadSize
{
    public static int Size => 48;
}

internal readonly struct Head64 : IHeadSize
{
    public static int Size => 64;
}

internal readonly struct Head80 : IHeadSize
{
    public static int Size => 80;
}

internal readonly struct Head96 : IHeadSize
{
    public static int Size => 96;
}

internal readonly struct Head112 : IHeadSize
{
    public static int Size => 112;
}

internal readonly struct Head128 : IHeadSize
{
    public static int Size => 128;
}
