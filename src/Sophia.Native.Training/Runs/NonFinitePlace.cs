using Sophia.Native.Models;

namespace Sophia.Native.Training.Runs;

/// <summary>Looks for the place where a step stopped being finite, in the order in which one follows from the other: parameters, records, log-probabilities, gradients.</summary>
internal static class NonFinitePlace
{
    public static string Find(Trainer trainer, ReadOnlySpan<Sample> samples)
    {
        var parameters = trainer.Model.Parameters;
        foreach (var parameter in parameters.Layout.Parameters)
        {
            if (HasNonFinite(parameters.Backend, parameters[parameter.Name].Value))
                return $"the parameter {parameter.Name} is not finite before the step";
        }
        // Gradients are read before the samples are run again; that leaves them alone, but does not say so in its contract.
        string? gradient = null;
        foreach (var parameter in parameters.Layout.Parameters)
        {
            if (gradient is null && !parameters[parameter.Name].Gradient.IsAbsent && HasNonFinite(parameters.Backend, parameters[parameter.Name].Gradient))
                gradient = parameter.Name;
        }
        foreach (var sample in samples)
        {
            if (FindInRecord(sample) is { } field)
                return $"{field} of sample '{sample.Id}' is not finite";
        }
        var logProbabilities = new float[1][];
        foreach (var sample in samples)
        {
            trainer.Snapshot([sample], logProbabilities);
            if (FirstNonFinite(logProbabilities[0]) is var token and >= 0)
                return $"the log-probability of token {token} of sample '{sample.Id}' is not finite";
        }
        return gradient is null ? "no single value, but a sum over them exceeds the numbers" : $"the first gradient that is not finite is that of {gradient}";
    }

    private static string? FindInRecord(Sample sample)
    {
        if (FirstNonFinite(sample.TokenWeights) >= 0)
            return "the token weight";
        if (FirstNonFinite(sample.BehaviorLogProbabilities) >= 0)
            return "the behavior log-probability";
        if (FirstNonFinite(sample.ReferenceLogProbabilities) >= 0)
            return "the reference log-probability";
        return FirstNonFinite(sample.PixelValues) >= 0 ? "a pixel value" : null;
    }

    private static bool HasNonFinite(Backend backend, DeviceView view)
    {
        var host = new float[view.Length];
        backend.DownloadFloats(host, view);
        return FirstNonFinite(host) >= 0;
    }

    private static int FirstNonFinite(ReadOnlySpan<float> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                return i;
        }
        return -1;
    }
}
