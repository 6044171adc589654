namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>What an operation does with a row: a team calls it together, each of its threads with its first lane.</summary>
internal interface IRowOperator
{
    /// <param name="row">The row.</param>
    /// <param name="lane">The thread's number in its team.</param>
    void Apply<TTeam>(long row, int lane)
        where TTeam : unmanaged, ITeam;
}
