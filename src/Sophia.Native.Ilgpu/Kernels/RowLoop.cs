using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>The one loop over rows: a team a row, and on in steps of all teams.</summary>
internal readonly struct RowLoop<TOperator, TTeam>(TOperator operation, long rows) : IKernel
    where TOperator : struct, IRowOperator
    where TTeam : unmanaged, ITeam
{
    private readonly TOperator _operation = operation;
    private readonly long _rows = rows;

    public void Run()
    {
        var teams = Group.DimX / TTeam.Size;
        for (var row = (long)Grid.IdxX * teams + Group.IdxX / TTeam.Size; row < _rows; row += (long)Grid.DimX * teams)
            _operation.Apply<TTeam>(row, Group.IdxX % TTeam.Size);
    }
}
