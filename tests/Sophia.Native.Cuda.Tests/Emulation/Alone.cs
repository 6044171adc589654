namespace Sophia.Native.Cuda.Tests.Emulation;

/// <summary>Tests that inject faults or count what is alive: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
