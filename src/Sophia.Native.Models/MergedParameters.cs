using Sophia.Native.Models.Files;

namespace Sophia.Native.Models;

/// <summary>The parameters of a model with its adapter merged into them: W + alpha / rank * B A, each sum taken in double precision and rounded once. The parameters themselves stay as they are.</summary>
public sealed class MergedParameters : IParameterSource
{
    private readonly ParameterSet _parameters;
    private readonly Dictionary<string, (float[] Down, float[] Up)> _matrices = new(StringComparer.Ordinal);

    /// <summary>Looks at parameters.</summary>
    /// <param name="parameters">A set whose layout has an adapter, or none, which is then given as it is.</param>
    public MergedParameters(ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _parameters = parameters;
    }

    /// <inheritdoc/>
    public void Read(Parameter parameter, long firstRow, Span<float> rows)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        _parameters.Read(parameter, firstRow, rows);
        var columns = parameter.Columns;
        var count = rows.Length / columns;
        foreach (var module in _parameters.Layout.AdaptedModules)
        {
            if (module.Weight.Name != parameter.Name)
                continue;
            var first = Math.Max(firstRow, module.FirstRow);
            var end = Math.Min(firstRow + count, module.FirstRow + module.Rows);
            if (first < end)
                Add(rows.Slice((int)(first - firstRow) * columns, (int)(end - first) * columns), module, (int)(first - module.FirstRow));
        }
    }

    private void Add(Span<float> rows, LinearModule module, int firstRow)
    {
        var adapter = _parameters.Layout.Adapter!;
        var (rank, columns) = (adapter.Rank, module.Columns);
        if (!_matrices.TryGetValue(module.Path, out var matrices))
        {
            // Rows come module by module, so that one pair at a time is enough.
            _matrices.Clear();
            matrices = (Read(module.DownName), Read(module.UpName));
            _matrices.Add(module.Path, matrices);
        }
        var sums = new double[columns];
        for (var row = 0; row * columns < rows.Length; row++)
        {
            Array.Clear(sums);
            for (var k = 0; k < rank; k++)
            {
                double factor = matrices.Up[(firstRow + row) * rank + k];
                var down = matrices.Down.AsSpan(k * columns, columns);
                for (var c = 0; c < columns; c++)
                    sums[c] += factor * down[c];
            }
            var weights = rows.Slice(row * columns, columns);
            for (var c = 0; c < columns; c++)
                weights[c] = (float)(weights[c] + adapter.Scale * sums[c]);
        }
    }

    private float[] Read(string name)
    {
        var parameter = _parameters.Layout[name];
        var values = new float[parameter.Length];
        _parameters.Read(parameter, 0, values);
        return values;
    }
}
