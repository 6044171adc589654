namespace Sophia.Native.Cuda.Mutations;

/// <summary>What is broken.</summary>
internal enum MutationKind
{
    /// <summary>A barrier of a block or a warp is left out.</summary>
    Barrier,

    /// <summary>A comparison takes in one more or one less.</summary>
    Bound,

    /// <summary>A wait for asynchronous copies lets one more group be unfinished.</summary>
    Wait,
}
