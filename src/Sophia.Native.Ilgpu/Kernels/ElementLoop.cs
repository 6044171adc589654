using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>The one loop of the elementwise operations: groups lie along rows and columns, neighboring threads take neighboring columns, and every thread goes on in steps of the whole grid.</summary>
internal readonly struct ElementLoop<TOperator>(TOperator operation, long rows, int columns) : IKernel
    where TOperator : struct, IElementOperator
{
    private readonly TOperator _operation = operation;
    private readonly long _rows = rows;
    private readonly int _columns = columns;

    public void Run()
    {
        for (long row = Grid.IdxX; row < _rows; row += Grid.DimX)
        {
            for (var column = Grid.IdxY * Group.DimX + Group.IdxX; column < _columns; column += Grid.DimY * Group.DimX)
                _operation.Apply(row, column);
        }
    }
}
