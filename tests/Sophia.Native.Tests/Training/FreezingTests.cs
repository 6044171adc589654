using Sophia.Native.Models;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

public sealed class FreezingTests
{
    private static readonly Sample[] Samples = TinyModel.Samples(9);

    public static TheoryData<ParameterGroup[]> Combinations => new(
        [ParameterGroup.Vision], [ParameterGroup.Projector], [ParameterGroup.Decoder],
        [ParameterGroup.Vision, ParameterGroup.Projector], [ParameterGroup.Vision, ParameterGroup.Decoder], [ParameterGroup.Projector, ParameterGroup.Decoder]);

    [Theory]
    [MemberData(nameof(Combinations))]
    public void Frozen_groups_keep_their_bits_and_trained_ones_get_the_gradients_they_have_when_all_are_trained(ParameterGroup[] trained)
    {
        using var all = new TinyModel(TinyModel.AllGroups);
        using var some = new TinyModel(trained);
        using var allTrainer = new Trainer(all.Model, new() { MicroBatch = TinyModel.Plan() });
        using var trainer = new Trainer(some.Model, new() { MicroBatch = TinyModel.Plan() });
        Assert.Equal(allTrainer.Step(Samples, 1e-2).Loss, trainer.Step(Samples, 1e-2).Loss);
        foreach (var parameter in some.Parameters.Layout.Parameters)
        {
            var gradient = some.Parameters[parameter.Name].Gradient;
            Assert.Equal(!trained.Contains(parameter.Group), gradient.IsAbsent);
            if (!gradient.IsAbsent)
                CpuFixture.SameBits(all.Download(all.Parameters[parameter.Name].Gradient), some.Download(gradient), parameter.Name);
        }
        for (var step = 0; step < 3; step++)
            Assert.True(trainer.Step(Samples, 1e-2).IsFinite);
        using var fresh = new TinyModel([]);
        foreach (var group in TinyModel.AllGroups)
        {
            if (trained.Contains(group))
                Assert.NotEqual(fresh.Values(group), some.Values(group));
            else
                Assert.Equal(fresh.Values(group), some.Values(group));
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void Frozen_groups_have_no_memory_for_gradients_moments_or_their_activations(ParameterGroup[] trained)
    {
        using var some = new TinyModel(trained);
        var count = trained.Sum(group => some.Parameters.Layout.RangeOf(group).Length);
        Assert.Equal(count, some.Parameters.Gradients.Length);
        using var trainer = new Trainer(some.Model, new() { MicroBatch = TinyModel.Plan() });
        Assert.Equal(count, trainer.Optimizer.FirstMoments.Length);
        using var all = new TinyModel(TinyModel.AllGroups);
        using var allTrainer = new Trainer(all.Model, new() { MicroBatch = TinyModel.Plan() });
        if (trained.Contains(ParameterGroup.Vision))
            Assert.Equal(allTrainer.WorkspaceBytes, trainer.WorkspaceBytes);
        else
            Assert.True(trainer.WorkspaceBytes < allTrainer.WorkspaceBytes);
    }

    [Fact]
    public void The_loss_falls_whichever_group_is_trained()
    {
        foreach (var group in TinyModel.AllGroups)
        {
            using var tiny = new TinyModel([group]);
            using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan() });
            Sample[] samples = [.. Samples.Select(sample => sample with { TokenWeights = null })];
            var first = trainer.Step(samples, 5e-3).Loss;
            var last = first;
            for (var step = 0; step < 12; step++)
                last = trainer.Step(samples, 5e-3).Loss;
            Assert.True(last < first - 0.005, $"{group}: {first} to {last}");
        }
    }

    [Fact]
    public void A_batch_of_text_alone_leaves_the_image_side_without_gradient()
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan() });
        Assert.True(trainer.Step([TinyModel.Sample(0, 12), TinyModel.Sample(1, 15)], 0).IsFinite);
        foreach (var parameter in tiny.Parameters.Layout.Parameters.Where(parameter => parameter.Group != ParameterGroup.Decoder))
            Assert.All(tiny.Download(tiny.Parameters[parameter.Name].Gradient), value => Assert.Equal(0, value));
    }

    [Fact]
    public void With_every_group_frozen_there_is_nothing_to_train()
    {
        using var tiny = new TinyModel([]);
        Assert.Contains("freeze", Assert.Throws<ArgumentException>(() => new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan() })).Message);
    }
}
