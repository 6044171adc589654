namespace Sophia.Native.Models.Files;

/// <summary>Collects the tensors of a layout; the two layouts say with it how files relate to canonical parameters.</summary>
internal sealed class FileTensorTable(ParameterLayout layout, List<FileTensor> tensors)
{
    public InternVLConfig Config => layout.Config;

    /// <summary>A tensor that is a parameter, with the shape that the parameter has: a vector has one dimension in files.</summary>
    public void Whole(string name, string parameterName)
    {
        var parameter = layout[parameterName];
        WithShape(name, parameterName, parameter.Decays ? [parameter.Rows, parameter.Columns] : [parameter.Columns]);
    }

    /// <summary>A tensor that is a parameter under another shape of as many elements.</summary>
    public void WithShape(string name, string parameterName, params long[] shape)
    {
        var parameter = layout[parameterName];
        tensors.Add(new FileTensor(name, shape, [new FileTensorPart(parameter, 0, parameter.Length)]));
    }

    /// <summary>Weight and bias of a linear layer or norm; the bias only where the model has one.</summary>
    public void WeightAndBias(string name, string parameterName)
    {
        Whole(name + ".weight", parameterName + ".weight");
        if (layout.TryFind(parameterName + ".bias", out _)) Whole(name + ".bias", parameterName + ".bias");
    }

    /// <summary>A linear layer whose rows the file keeps in separate tensors, one after the other; the bias only where the model has one.</summary>
    public void Split(string parameterName, params ReadOnlySpan<(string Name, int Rows)> pieces)
    {
        var weight = layout[parameterName + ".weight"];
        var hasBias = layout.TryFind(parameterName + ".bias", out var bias);
        long row = 0;
        foreach (var (name, rows) in pieces)
        {
            tensors.Add(new FileTensor(name + ".weight", [rows, weight.Columns], [new FileTensorPart(weight, row * weight.Columns, (long)rows * weight.Columns)]));
            if (hasBias) tensors.Add(new FileTensor(name + ".bias", [rows], [new FileTensorPart(bias!, row, rows)]));
            row += rows;
        }
    }

    /// <summary>
    /// InternLM2's packed projection: per key-value head its query heads, then its key head, then its value head, each of <c>headSize</c> rows.
    /// The canonical order is all query heads, all key heads, all value heads.
    /// </summary>
    public void Interleaved(string name, string parameterName, int heads, int keyValueHeads, int headSize)
    {
        var weight = layout[parameterName];
        var parts = new FileTensorPart[3 * keyValueHeads];
        var group = heads / keyValueHeads;
        for (var keyValueHead = 0; keyValueHead < keyValueHeads; keyValueHead++)
        {
            parts[3 * keyValueHead] = Heads(keyValueHead * group, group);
            parts[3 * keyValueHead + 1] = Heads(heads + keyValueHead, 1);
            parts[3 * keyValueHead + 2] = Heads(heads + keyValueHeads + keyValueHead, 1);
        }
        tensors.Add(new FileTensor(name, [weight.Rows, weight.Columns], parts));

        FileTensorPart Heads(int first, int count)
        {
            var elements = (long)headSize * weight.Columns;
            return new FileTensorPart(weight, first * elements, count * elements);
        }
    }
}
