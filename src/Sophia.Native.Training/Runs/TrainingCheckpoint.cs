using System.Globalization;
using System.Text.Json;
using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Training.Runs;

/// <summary>
/// OUT/checkpoints/step-00000060/: the model in a published layout, or the adapter in PEFT's where that alone is trained, and beside it optimizer.safetensors (moments in their type, and the fp32 weights
/// where they are saved in bf16) and trainer.json.
/// The folder is written under another name and renamed, so that a folder of this name is complete.
/// </summary>
internal static class TrainingCheckpoint
{
    private const string OptimizerFile = "optimizer.safetensors";
    private const string StateFile = "trainer.json";
    private const string WritingPrefix = ".writing-";
    private const int ElementsAtOnce = 1 << 20;

    public static string Write(string checkpoints, Trainer trainer, bool saveBFloat16, string fingerprint, TrainingRunOptions options)
    {
        var name = $"step-{trainer.Optimizer.StepCount.ToString("D8", CultureInfo.InvariantCulture)}";
        var final = Path.Combine(checkpoints, name);
        if (Directory.Exists(final))
            return final;
        var writing = Path.Combine(checkpoints, WritingPrefix + name);
        if (Directory.Exists(writing))
            Directory.Delete(writing, recursive: true);
        Directory.CreateDirectory(writing);
        var parameters = trainer.Model.Parameters;
        var saveType = saveBFloat16 ? FileElementType.BF16 : FileElementType.F32;
        if (IsAdapter(parameters))
            AdapterWriter.Write(writing, parameters.Layout, saveType, parameters, options.BaseModel);
        else
            CheckpointWriter.Write(writing, trainer.Model.Config, options.Layout, saveType, parameters);
        WriteOptimizer(Path.Combine(writing, OptimizerFile), trainer, saveBFloat16);
        if (!IsAdapter(parameters))
            options.AddFiles?.Invoke(writing);
        AtomicFile.Write(Path.Combine(writing, StateFile), stream => WriteState(stream, trainer.Optimizer.StepCount, fingerprint));
        Directory.Move(writing, final);
        AtomicFile.FlushFolder(checkpoints);
        return final;
    }

    /// <summary>The newest complete checkpoint, or null. Unfinished ones are removed.</summary>
    public static string? FindNewest(string checkpoints)
    {
        if (!Directory.Exists(checkpoints))
            return null;
        string? newest = null;
        foreach (var folder in Directory.GetDirectories(checkpoints))
        {
            var name = Path.GetFileName(folder);
            if (name.StartsWith(WritingPrefix, StringComparison.Ordinal))
                Directory.Delete(folder, recursive: true);
            else if (name.StartsWith("step-", StringComparison.Ordinal) && File.Exists(Path.Combine(folder, StateFile)) && string.CompareOrdinal(folder, newest) > 0)
                newest = folder;
        }
        return newest;
    }

    /// <summary>Restores parameters, moments and the step.</summary>
    public static void Read(string folder, Trainer trainer, string fingerprint)
    {
        var statePath = Path.Combine(folder, StateFile);
        var (step, found) = ReadState(statePath);
        if (found != fingerprint)
            throw new InvalidDataException($"{statePath}: the checkpoint was made with another recipe, seed, data or precision, or is that of an adapter over another model (fingerprint {found}, this run has {fingerprint}): resume with the same ones, or train into a new folder.");
        trainer.Optimizer.StepCount = step;
        var parameters = trainer.Model.Parameters;
        if (IsAdapter(parameters))
            AdapterReader.Read(folder, parameters.Layout, parameters);
        else
            CheckpointReader.Read(folder, trainer.Model.Config, parameters);
        using var file = SafetensorsFile.Open(Path.Combine(folder, OptimizerFile));
        ReadVector(parameters.Backend, file["first_moments"], trainer.Optimizer.FirstMoments);
        ReadVector(parameters.Backend, file["second_moments"], trainer.Optimizer.SecondMoments);
        if (file.TryFind("parameters", out var weights))
        {
            ReadVector(parameters.Backend, weights, FullWeights(parameters));
            parameters.RoundMasters();
        }
    }

    private static void WriteOptimizer(string path, Trainer trainer, bool withMasterWeights)
    {
        var backend = trainer.Model.Backend;
        var optimizer = trainer.Optimizer;
        var weights = FullWeights(trainer.Model.Parameters);
        var momentType = optimizer.Options.Moments == ElementType.BFloat16 ? FileElementType.BF16 : FileElementType.F32;
        var declarations = new List<SafetensorsDeclaration>
        {
            new("first_moments", momentType, [optimizer.FirstMoments.Length]),
            new("second_moments", momentType, [optimizer.SecondMoments.Length]),
        };
        if (withMasterWeights)
            declarations.Add(new("parameters", FileElementType.F32, [weights.Length]));
        using var writer = SafetensorsWriter.Create(path, declarations);
        WriteVector(backend, writer, "first_moments", optimizer.FirstMoments);
        WriteVector(backend, writer, "second_moments", optimizer.SecondMoments);
        if (withMasterWeights)
            WriteVector(backend, writer, "parameters", weights);
        writer.Commit();
    }

    /// <summary>Whether the model is as it was and its adapter is all there is to save.</summary>
    private static bool IsAdapter(ParameterSet parameters) => parameters.IsTrained(ParameterGroup.Adapter);

    /// <summary>The fp32 weights that what is saved in bf16 lacks: all parameters, or the adapter's; where they are BFloat16 themselves, the masters of those that are trained.</summary>
    private static DeviceView FullWeights(ParameterSet parameters)
    {
        if (parameters.Storage != ElementType.Float32)
            return parameters.Masters;
        var (offset, length) = IsAdapter(parameters) ? parameters.Layout.RangeOf(ParameterGroup.Adapter) : (0, parameters.Layout.ElementCount);
        return parameters.Values.ColumnRange(offset, length);
    }

    private static void WriteVector(Backend backend, SafetensorsWriter writer, string name, DeviceView vector)
    {
        var chunk = new float[(int)Math.Min(ElementsAtOnce, vector.Length)];
        for (long first = 0; first < vector.Length; first += chunk.Length)
        {
            var count = (int)Math.Min(chunk.Length, vector.Length - first);
            backend.DownloadFloats(chunk.AsSpan(0, count), vector.ColumnRange(first, count));
            writer.WriteFloats(name, chunk.AsSpan(0, count));
        }
    }

    private static void ReadVector(Backend backend, SafetensorsTensor tensor, DeviceView vector)
    {
        if (tensor.ElementCount != vector.Length)
            throw new InvalidDataException($"{tensor.FilePath}: {tensor.Name}: expected {vector.Length} elements, found {tensor.ElementCount}.");
        var chunk = new float[(int)Math.Min(ElementsAtOnce, vector.Length)];
        for (long first = 0; first < vector.Length; first += chunk.Length)
        {
            var count = (int)Math.Min(chunk.Length, vector.Length - first);
            tensor.ReadFloats(first, chunk.AsSpan(0, count));
            backend.UploadFloats(vector.ColumnRange(first, count), chunk.AsSpan(0, count));
        }
    }

    private static (int Step, string Fingerprint) ReadState(string path)
    {
        try
        {
            using var state = JsonDocument.Parse(File.ReadAllBytes(path));
            if (state.RootElement.ValueKind == JsonValueKind.Object
                && state.RootElement.TryGetProperty("step", out var step) && step.ValueKind == JsonValueKind.Number && step.TryGetInt32(out var number) && number >= 0
                && state.RootElement.TryGetProperty("fingerprint", out var fingerprint) && fingerprint.ValueKind == JsonValueKind.String)
                return (number, fingerprint.GetString()!);
        }
        catch (JsonException)
        {
            // Told below like every other state that is none.
        }
        throw new InvalidDataException($"{path}: expected an object with step and fingerprint, found something else: remove this checkpoint's folder to resume from the one before.");
    }

    private static void WriteState(Stream stream, int step, string fingerprint)
    {
        using var json = new Utf8JsonWriter(stream, new() { Indented = true });
        json.WriteStartObject();
        json.WriteNumber("step", step);
        json.WriteString("fingerprint", fingerprint);
        json.WriteEndObject();
    }
}
