namespace Sophia.Native.Models;

/// <summary>What the adapted linear layers of a model compute with; one set serves all of them, since none of it outlives a layer's pass.</summary>
internal sealed class AdapterWorkspace
{
    private readonly DeviceView _hidden;
    private readonly DeviceView _dHidden;
    private readonly DeviceView _branch;
    private readonly DeviceView _scale;

    /// <summary>Plans for the rows that each part of the model has at most.</summary>
    public AdapterWorkspace(Arena arena, Backend backend, InternVLConfig config, AdapterConfig adapter, ElementType storage, long visionRows, long visualTokens, long textTokens, bool training)
    {
        var (rows, elements, columns) = (0L, 0L, 0L);
        foreach (var module in new ParameterLayout(config, adapter).AdaptedModules)
        {
            var own = module.Group switch { ParameterGroup.Vision => visionRows, ParameterGroup.Projector => visualTokens, _ => textTokens };
            rows = Math.Max(rows, own);
            elements = Math.Max(elements, own * module.Rows);
            columns = Math.Max(columns, module.Rows);
        }
        _hidden = arena.Take("adapter hidden", rows, adapter.Rank, storage);
        if (training)
            _dHidden = arena.Take("d adapter hidden", rows, adapter.Rank, storage);
        _branch = arena.Take("adapter branch", 1, elements, storage);
        _scale = arena.Take("adapter scale", 1, columns, storage);
        if (_scale.Buffer is null)
            return;
        var scales = new float[columns];
        Array.Fill(scales, (float)adapter.Scale);
        backend.UploadFloats(_scale, scales);
    }

    /// <summary>[N, rank]: x A^T.</summary>
    public DeviceView Hidden(long rows) => _hidden.RowRange(0, rows);

    /// <summary>[N, rank]: its gradient.</summary>
    public DeviceView DHidden(long rows) => _dHidden.RowRange(0, rows);

    /// <summary>[N, O]: (x A^T) B^T, or its gradient.</summary>
    public DeviceView Branch(long rows, long columns) => _branch.ColumnRange(0, rows * columns).Reshape(rows, columns);

    /// <summary>[O]: alpha / rank.</summary>
    public DeviceView Scale(long columns) => _scale.ColumnRange(0, columns);
}
