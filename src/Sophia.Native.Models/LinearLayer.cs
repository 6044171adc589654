namespace Sophia.Native.Models;

/// <summary>
/// A linear layer with the adapters of its rows. Forward: output = input W^T + b, then for each adapter, on the columns of the output that are its own,
/// output += alpha / rank * (input A^T) B^T. Backward, with dBranch = alpha / rank * dOutput: dB += dBranch^T (input A^T), dHidden = dBranch B, dA += dHidden^T input, dInput = dOutput W + dHidden A.
/// The product with A is taken again on the way back, which costs less than to keep it. Each is an operation whose rows do not depend on each other, in training and decoding alike, so that with an adapter
/// too the log-probabilities at generation are bitwise those of training; nothing is merged in either.
/// </summary>
internal sealed class LinearLayer
{
    private readonly Backend _backend;
    private readonly Weight _weight;
    private readonly Weight _bias;
    private readonly Adapter[] _adapters;

    /// <summary>Resolves the parameters of a layer.</summary>
    /// <param name="parameters">The model's parameters.</param>
    /// <param name="name">Canonical name of the layer: that of its weight without <c>.weight</c>.</param>
    public LinearLayer(ParameterSet parameters, string name)
    {
        _backend = parameters.Backend;
        _weight = parameters[name + ".weight"];
        _bias = parameters.Optional(name + ".bias");
        var adapters = new List<Adapter>();
        foreach (var module in parameters.Layout.AdaptedModules)
        {
            if (module.Weight.Name == name + ".weight")
                adapters.Add(new(module.FirstRow, module.Rows, parameters[module.DownName], parameters[module.UpName]));
        }
        _adapters = [.. adapters];
    }

    /// <summary>The output of the layer.</summary>
    /// <param name="output">[N, O], overwritten.</param>
    /// <param name="input">[N, C].</param>
    /// <param name="workspace">Memory of the adapters; null where the model has none.</param>
    public void Forward(DeviceView output, DeviceView input, AdapterWorkspace? workspace)
    {
        _backend.LinearForward(output, input, _weight.Value, _bias.Value);
        if (_adapters.Length == 0)
            return;
        var own = Planned(workspace);
        foreach (ref readonly var adapter in _adapters.AsSpan())
        {
            var hidden = own.Hidden(input.Rows);
            var branch = own.Branch(input.Rows, adapter.Rows);
            var part = output.ColumnRange(adapter.FirstRow, adapter.Rows);
            _backend.LinearForward(hidden, input, adapter.Down.Value);
            _backend.LinearForward(branch, hidden, adapter.Up.Value);
            _backend.ResidualForward(part, part, branch, own.Scale(adapter.Rows));
        }
    }

    /// <summary>Adds the gradients of what is not frozen.</summary>
    /// <param name="dInput">[N, C], overwritten; absent when not needed.</param>
    /// <param name="dOutput">[N, O].</param>
    /// <param name="input">[N, C], of the forward pass.</param>
    /// <param name="workspace">Memory of the adapters; null where the model has none.</param>
    public void Backward(DeviceView dInput, DeviceView dOutput, DeviceView input, AdapterWorkspace? workspace)
    {
        if (!_weight.Gradient.IsAbsent)
            _backend.LinearBackwardWeight(_weight.Gradient, dOutput, input);
        if (!_bias.Gradient.IsAbsent)
            _backend.LinearBackwardBias(_bias.Gradient, dOutput);
        if (!dInput.IsAbsent)
            _backend.LinearBackwardInput(dInput, dOutput, _weight.Value);
        if (_adapters.Length == 0)
            return;
        var own = Planned(workspace);
        foreach (ref readonly var adapter in _adapters.AsSpan())
            Backward(adapter, dInput, dOutput.ColumnRange(adapter.FirstRow, adapter.Rows), input, own);
    }

    private void Backward(in Adapter adapter, DeviceView dInput, DeviceView dPart, DeviceView input, AdapterWorkspace workspace)
    {
        var hidden = workspace.Hidden(input.Rows);
        var dHidden = workspace.DHidden(input.Rows);
        var dBranch = workspace.Branch(input.Rows, adapter.Rows);
        // Without a gradient of the scale the operation reads no branch; what stands in its place has its shape.
        _backend.ResidualBackward(dBranch, default, dPart, dPart, workspace.Scale(adapter.Rows));
        if (!adapter.Up.Gradient.IsAbsent)
        {
            _backend.LinearForward(hidden, input, adapter.Down.Value);
            _backend.LinearBackwardWeight(adapter.Up.Gradient, dBranch, hidden);
        }
        _backend.LinearBackwardInput(dHidden, dBranch, adapter.Up.Value);
        if (!adapter.Down.Gradient.IsAbsent)
            _backend.LinearBackwardWeight(adapter.Down.Gradient, dHidden, input);
        if (!dInput.IsAbsent)
            _backend.LinearBackwardInput(dInput, dHidden, adapter.Down.Value, accumulate: true);
    }

    private static AdapterWorkspace Planned(AdapterWorkspace? workspace) =>
        workspace ?? throw new InvalidOperationException("The workspace was planned without the model's adapter: plan it with ModelPlan.Adapter.");

    /// <summary>A and B of the rows [FirstRow, FirstRow + Rows) of the weight.</summary>
    private readonly record struct Adapter(int FirstRow, int Rows, Weight Down, Weight Up);
}
