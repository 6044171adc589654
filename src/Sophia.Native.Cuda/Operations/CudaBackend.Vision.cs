using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/vision.cu.
public sealed partial class CudaBackend
{
    private static readonly KernelFile VisionFile = new("vision");

    /// <inheritdoc/>
    protected override void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize)
    {
        if (patches.Rows == 0)
            return;
        var launch = Begin(VisionFile, "patch_extract", patches.Type);
        launch.AddMatrix(patches);
        launch.AddMatrix(pixels);
        launch.Add((int)patches.Rows);
        launch.Add(height);
        launch.Add(width);
        launch.Add(patchSize);
        var elementsOfBlock = 256 * VectorElements(patches.Type);
        launch.Run((int)((patches.Length + elementsOfBlock - 1) / elementsOfBlock), 1, 1, 256, 0);
    }

    /// <inheritdoc/>
    protected override void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions)
    {
        if (output.Rows == 0)
            return;
        var columns = (int)output.Columns;
        var launch = Begin(VisionFile, "vision_tokens_forward", output.Type);
        launch.AddMatrix(output);
        launch.AddMatrix(patches);
        launch.Add(classToken);
        launch.AddMatrix(positions);
        launch.Add(columns);
        launch.Add((int)positions.Rows - 1);
        launch.Run((int)output.Rows, VectorBlocks(columns, output.Type), 1, 128, 0);
    }

    /// <inheritdoc/>
    protected override void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount)
    {
        if (dOutput.Rows == 0)
            return;
        var columns = (int)dOutput.Columns;
        var launch = Begin(VisionFile, "vision_tokens_backward", dOutput.Type);
        launch.AddMatrix(dPatches);
        launch.Add(dClassToken);
        launch.AddMatrix(dPositions);
        launch.AddMatrix(dOutput);
        launch.Add(columns);
        launch.Add(patchCount);
        launch.Add((int)(dOutput.Rows / (1 + patchCount)));
        launch.Run(1 + patchCount, VectorBlocks(columns, dOutput.Type), 1, 128, 0);
    }

    /// <inheritdoc/>
    protected override void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth)
    {
        if (output.Rows == 0)
            return;
        var launch = Begin(VisionFile, "pixel_shuffle_forward", output.Type);
        launch.AddMatrix(output);
        launch.AddMatrix(input);
        launch.Add((int)input.Columns);
        launch.Add(gridHeight);
        launch.Add(gridWidth);
        launch.Run((int)output.Rows, 4, 1, 128, 0);
    }

    /// <inheritdoc/>
    protected override void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        if (dInput.Rows == 0)
            return;
        var launch = Begin(VisionFile, "pixel_shuffle_backward", dInput.Type);
        launch.AddMatrix(dInput);
        launch.AddMatrix(dOutput);
        launch.Add((int)dInput.Columns);
        launch.Add(gridHeight);
        launch.Add(gridWidth);
        launch.Run((int)dInput.Rows, 1, 1, 128, 0);
    }

    /// <summary>Elements in 16 bytes; STORAGE_VECTOR of the kernels.</summary>
    private static int VectorElements(ElementType storage) => 16 / storage.Size();

    /// <summary>Blocks of 128 threads that cover a row with 16 bytes a thread.</summary>
    private static int VectorBlocks(int columns, ElementType storage)
    {
        var columnsOfBlock = 128 * VectorElements(storage);
        return (columns + columnsOfBlock - 1) / columnsOfBlock;
    }
}
