using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Storage;

/// <summary>Parameters in BFloat16: what is read, what is written, and what it takes.</summary>
public sealed class ParameterSetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(FileElementType.F32)]
    [InlineData(FileElementType.BF16)]
    public void A_checkpoint_is_read_rounded_to_nearest_and_written_from_the_masters(FileElementType type)
    {
        using var full = new TinyModel([]);
        CheckpointWriter.Write(_folder.File("in"), TinyModel.Config, CheckpointLayout.HuggingFace, type, full.Parameters);
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        using var parameters = new ParameterSet(backend, full.Parameters.Layout, ElementType.BFloat16, ParameterGroup.Decoder, ParameterGroup.Vision);
        CheckpointReader.Read(_folder.File("in"), TinyModel.Config, parameters);
        foreach (var parameter in parameters.Layout.Parameters)
        {
            var expected = Read(full.Parameters, parameter);
            var stored = new BFloat16[expected.Length];
            backend.Download<BFloat16>(stored, parameters[parameter.Name].Value);
            Assert.Equal(Array.ConvertAll(expected, value => (BFloat16)value), stored);
            // A file of BF16 has rounded already; of one of F32 the masters keep every bit, and what is frozen has none.
            var isWhole = type == FileElementType.F32 && parameter.Group != ParameterGroup.Projector;
            Assert.Equal(isWhole ? expected : Array.ConvertAll(stored, value => (float)value), Read(parameters, parameter));
        }
        CheckpointWriter.Write(_folder.File("out"), TinyModel.Config, CheckpointLayout.HuggingFace, type, parameters);
        if (type == FileElementType.BF16)
            Assert.Equal(File.ReadAllBytes(Path.Combine(_folder.File("in"), "model.safetensors")), File.ReadAllBytes(Path.Combine(_folder.File("out"), "model.safetensors")));
    }

    [Fact]
    public void Inference_takes_two_bytes_a_parameter_and_training_eight_more_besides_the_moments()
    {
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        var layout = new ParameterLayout(TinyModel.Config);
        using var inference = new ParameterSet(backend, layout, ElementType.BFloat16);
        using var training = new ParameterSet(backend, layout, ElementType.BFloat16, TinyModel.AllGroups);
        using var single = new ParameterSet(backend, layout, TinyModel.AllGroups);
        Assert.Equal(2 * layout.ElementCount, inference.Bytes);
        Assert.Equal(10 * layout.ElementCount, training.Bytes);
        Assert.Equal(8 * layout.ElementCount, single.Bytes);
        Assert.True(inference.Masters.IsAbsent && single.Masters.IsAbsent);
    }

    [Fact]
    public void Activations_take_half_and_statistics_logits_and_what_is_per_token_do_not()
    {
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        var plan = TinyModel.Plan() with { Training = true, TrainsProjector = true, TrainsVision = true };
        var single = ModelWorkspace.Measure(backend, TinyModel.Config, plan).Entries;
        var half = ModelWorkspace.Measure(backend, TinyModel.Config, plan with { Storage = ElementType.BFloat16 }).Entries;
        Assert.Equal(single.Select(entry => entry.Name), half.Select(entry => entry.Name));
        string[] whole =
        [
            "ids", "positions", "visual rows", "targets", "trained targets", "sequence offsets", "sequence lengths", "token weights", "normalizers", "behavior log-probabilities", "snapshot log-probabilities",
            "reference log-probabilities", "pixels", "tile offsets", "tile lengths", "logits of a chunk", "log-probabilities", "entropies", "losses", "ratios", "sequence log ratios", "d interpolated positions",
        ];
        for (var i = 0; i < single.Count; i++)
        {
            var isStatistic = single[i].Name.Contains("mean", StringComparison.Ordinal) || single[i].Name.Contains("inverse", StringComparison.Ordinal)
                || single[i].Name.Contains("log-sum-exp", StringComparison.Ordinal) || single[i].Name.EndsWith("delta", StringComparison.Ordinal);
            Assert.Equal((single[i].Name, isStatistic || whole.Contains(single[i].Name) ? single[i].Bytes : single[i].Bytes / 2), half[i]);
        }
    }

    [Fact]
    public void A_copy_of_a_set_has_its_masters_or_its_stored_values_where_it_has_none()
    {
        using var source = new TinyModel([ParameterGroup.Decoder], storage: ElementType.BFloat16);
        using var copy = new ParameterSet(source.Backend, source.Parameters.Layout, ElementType.BFloat16, ParameterGroup.Decoder, ParameterGroup.Vision);
        copy.CopyFrom(source.Parameters);
        foreach (var parameter in copy.Layout.Parameters)
            Assert.Equal(Read(source.Parameters, parameter), Read(copy, parameter));
        using var single = new TinyModel([]);
        Assert.Throws<ArgumentException>(() => copy.CopyFrom(single.Parameters));
    }

    [Fact]
    public void A_backend_that_does_not_store_a_type_is_refused()
    {
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        var layout = new ParameterLayout(TinyModel.Config);
        Assert.Contains("does not store parameters as Float64", Assert.Throws<NotSupportedException>(() => new ParameterSet(backend, layout, ElementType.Float64)).Message);
        using var tiny = new TinyModel([ParameterGroup.Decoder]);
        Assert.Contains("does not store moments as Float64", Assert.Throws<NotSupportedException>(() => new Native.Training.AdamWOptimizer(tiny.Parameters, new() { Moments = ElementType.Float64 })).Message);
    }

    private static float[] Read(ParameterSet parameters, Parameter parameter)
    {
        var values = new float[parameter.Length];
        parameters.Read(parameter, 0, values);
        return values;
    }
}
