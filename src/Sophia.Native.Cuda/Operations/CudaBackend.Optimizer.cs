using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

// kernels/optimizer.cu. Norm, clip factor and flag stay on the device: a step is launched without knowing them.
public sealed partial class CudaBackend
{
    private const int NormBlock = 4096;

    /// <summary>Elements that one thread of AdamW and of a conversion takes; EACH of the kernel file.</summary>
    private const int NeighborsOfThread = 8;

    private static readonly KernelFile OptimizerFile = new("optimizer");

    /// <inheritdoc/>
    protected override void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm)
    {
        var blocks = BlocksOf(gradients.Length, NormBlock);
        var sums = Scratch(ScratchSlot.Partials, Math.Max(1, blocks) * sizeof(double));
        if (blocks > 0)
        {
            var squares = Begin(OptimizerFile, "gradient_norm_blocks", ElementType.Float32);
            squares.Add(sums);
            squares.Add(gradients);
            squares.Add(gradients.Length);
            squares.Run(blocks, 1, 1, 256, 0);
        }
        var finish = Begin(OptimizerFile, "gradient_norm_finish", ElementType.Float32);
        finish.Add(state);
        finish.Add(sums);
        finish.Add(blocks);
        finish.Add(maximumNorm);
        finish.Run(1, 1, 1, 1024, 0);
    }

    /// <inheritdoc/>
    protected override void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy)
    {
        if (parameters.Length == 0)
            return;
        var launch = Begin(OptimizerFile, firstMoments.Type == ElementType.BFloat16 ? "adamw_bfloat16_moments" : "adamw_float_moments", parameters.Type);
        launch.Add(parameters);
        launch.Add(firstMoments);
        launch.Add(secondMoments);
        launch.Add(workingCopy);
        launch.Add(gradients);
        launch.Add(gradientState);
        launch.Add(parameters.Length);
        launch.Add((float)(1 - step.LearningRate * step.WeightDecay));
        launch.Add((float)(1 - step.Beta1));
        launch.Add((float)step.Beta2);
        launch.Add((float)(1 - step.Beta2));
        launch.Add((float)step.Epsilon);
        launch.Add((float)(-step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step))));
        launch.Add((float)Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step)));
        launch.Add(step.Step);
        launch.Add(step.Seed);
        launch.Run(BlocksOf(parameters.Length, 256 * NeighborsOfThread), 1, 1, 256, 0);
    }

    /// <inheritdoc/>
    protected override void FillCore(DeviceView view, float value)
    {
        if (view.Length == 0)
            return;
        var bits = view.Type == ElementType.Float64 ? BitConverter.DoubleToUInt64Bits(value) : BitConverter.SingleToUInt32Bits(value) * 0x1_0000_0001UL;
        var matrix = Flat(view);
        var unit = AreVectors(matrix) ? 16 : sizeof(uint);
        var launch = Begin(OptimizerFile, unit == 16 ? "fill_vectors" : "fill_words", ElementType.Float32);
        AddUnits(launch, matrix, unit);
        AddUnitCounts(launch, matrix, unit, out var count);
        launch.Add((uint)bits);
        launch.Add((uint)(bits >> 32));
        launch.Run(BlocksOf(count, 256), 1, 1, 256, 0);
    }

    /// <inheritdoc/>
    protected override void CopyCore(DeviceView destination, DeviceView source)
    {
        if (destination.Length == 0)
            return;
        var whole = destination.IsContiguous && source.IsContiguous;
        var (output, input) = whole ? (Flat(destination), Flat(source)) : (destination, source);
        if (destination.Type != source.Type)
        {
            var convert = Begin(OptimizerFile, destination.Type == ElementType.BFloat16 ? "copy_to_bfloat16" : "copy_to_float", ElementType.Float32);
            convert.AddMatrix(output);
            convert.AddMatrix(input);
            convert.Add(output.Rows);
            convert.Add(output.Columns);
            convert.Run(BlocksOf(output.Rows * BlocksOf(output.Columns, NeighborsOfThread), 256), 1, 1, 256, 0);
            return;
        }
        var unit = AreVectors(output) && AreVectors(input) ? 16 : Math.Min(destination.Type.Size(), sizeof(uint));
        var launch = Begin(OptimizerFile, unit == 16 ? "copy_vectors" : unit == sizeof(uint) ? "copy_words" : "copy_halves", ElementType.Float32);
        AddUnits(launch, output, unit);
        AddUnits(launch, input, unit);
        AddUnitCounts(launch, output, unit, out var count);
        launch.Run(BlocksOf(count, 256), 1, 1, 256, 0);
    }

    /// <summary>A contiguous view as one row.</summary>
    private static DeviceView Flat(DeviceView view) => view.IsContiguous ? view.Reshape(1, view.Length) : view;

    /// <summary>Whether rows begin and end at multiples of 16 bytes.</summary>
    private bool AreVectors(DeviceView view) =>
        AddressOf(view) % 16 == 0 && view.Columns * view.Type.Size() % 16 == 0 && (view.Rows == 1 || view.Stride * view.Type.Size() % 16 == 0);

    /// <summary>Two parameters: pointer and row stride in units of a number of bytes.</summary>
    private static void AddUnits(Launch launch, DeviceView view, int unit)
    {
        launch.Add(view);
        launch.Add(view.Stride * view.Type.Size() / unit);
    }

    /// <summary>Two parameters: rows, and units of a row.</summary>
    private static void AddUnitCounts(Launch launch, DeviceView view, int unit, out long count)
    {
        var units = view.Columns * view.Type.Size() / unit;
        launch.Add(view.Rows);
        launch.Add(units);
        count = view.Rows * units;
    }
}
