using System.Runtime.CompilerServices;

namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// Cuts tiles into patches: row (tile, patch row i, patch column j) holds the patch flattened as (channel, y, x), which is how a convolution's weight
    /// [Hv, 3, p, p] flattens: the patch embedding is a linear layer over these rows. It needs no backward pass. Storage: patches.
    /// </summary>
    /// <param name="patches">[I * P, 3 * p * p], overwritten; P = (height / p) * (width / p).</param>
    /// <param name="pixels">[I, 3 * height * width] Float32, planar RGB, normalized.</param>
    /// <param name="height">Height of a tile in pixels, a multiple of p.</param>
    /// <param name="width">Width of a tile in pixels, a multiple of p.</param>
    /// <param name="patchSize">p.</param>
    public void PatchExtract(DeviceView patches, DeviceView pixels, int height, int width, int patchSize)
    {
        Require.That(patchSize > 0 && height > 0 && width > 0 && height % patchSize == 0 && width % patchSize == 0, $"tiles that are whole patches of {patchSize}, found {height} x {width}");
        Require.Shape(pixels, pixels.Rows, 3L * height * width);
        var storage = Require.Storage(this, patches);
        Require.Shape(patches, pixels.Rows * (height / patchSize) * (width / patchSize), 3L * patchSize * patchSize, storage);
        PatchExtractCore(patches, pixels, height, width, patchSize);
    }

    /// <summary>Puts the class token before the patches of every tile and adds the positions: output[t, 0] = classToken + positions[0], output[t, 1 + p] = patches[t, p] + positions[1 + p]. Storage: all arguments.</summary>
    /// <param name="output">[I * (1 + P), C], overwritten.</param>
    /// <param name="patches">[I * P, C].</param>
    /// <param name="classToken">[C].</param>
    /// <param name="positions">[1 + P, C].</param>
    public void VisionTokensForward(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions)
    {
        var storage = CheckVisionTokens(output, patches, positions);
        Require.Vector(classToken, positions.Columns, storage);
        VisionTokensForwardCore(output, patches, classToken, positions);
    }

    /// <summary>dPatches[t, p] = dOutput[t, 1 + p]; dClassToken += sum over tiles of dOutput[t, 0]; dPositions += sum over tiles of dOutput[t], tiles in order. Storage: dPatches and dOutput.</summary>
    /// <param name="dPatches">[I * P, C], overwritten; absent when not needed.</param>
    /// <param name="dClassToken">[C] Float32, added to; absent when frozen.</param>
    /// <param name="dPositions">[1 + P, C] Float32, added to; absent when frozen.</param>
    /// <param name="dOutput">[I * (1 + P), C].</param>
    /// <param name="patchCount">P.</param>
    public void VisionTokensBackward(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount)
    {
        var storage = Require.Storage(this, dOutput);
        Require.That(patchCount > 0 && dOutput.Rows % (1 + patchCount) == 0, $"whole tiles of {1 + patchCount} rows, found {dOutput.Rows} rows");
        Require.OptionalShape(dPatches, dOutput.Rows / (1 + patchCount) * patchCount, dOutput.Columns, storage);
        Require.OptionalVector(dClassToken, dOutput.Columns);
        Require.OptionalShape(dPositions, 1 + patchCount, dOutput.Columns);
        VisionTokensBackwardCore(dPatches, dClassToken, dPositions, dOutput, patchCount);
    }

    /// <summary>
    /// Drops the class token and joins 2 x 2 neighbors: output[t, I * w/2 + J, (di * 2 + dj) * C + c] = input[t, 1 + (2I + di) * w + 2J + dj, c] (pixel shuffle "v2"). Storage: all arguments.
    /// </summary>
    /// <param name="output">[tiles * (h/2) * (w/2), 4C], overwritten.</param>
    /// <param name="input">[tiles * (1 + h * w), C].</param>
    /// <param name="gridHeight">h, even.</param>
    /// <param name="gridWidth">w, even.</param>
    public void PixelShuffleForward(DeviceView output, DeviceView input, int gridHeight, int gridWidth)
    {
        CheckPixelShuffle(output, input, gridHeight, gridWidth);
        PixelShuffleForwardCore(output, input, gridHeight, gridWidth);
    }

    /// <summary>The inverse permutation; the class token's row gets zero. Storage: all arguments.</summary>
    /// <param name="dInput">[tiles * (1 + h * w), C], overwritten.</param>
    /// <param name="dOutput">[tiles * (h/2) * (w/2), 4C].</param>
    /// <param name="gridHeight">h, even.</param>
    /// <param name="gridWidth">w, even.</param>
    public void PixelShuffleBackward(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        CheckPixelShuffle(dOutput, dInput, gridHeight, gridWidth);
        PixelShuffleBackwardCore(dInput, dOutput, gridHeight, gridWidth);
    }

    /// <inheritdoc cref="PatchExtract"/>
    protected abstract void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize);

    /// <inheritdoc cref="VisionTokensForward"/>
    protected abstract void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions);

    /// <inheritdoc cref="VisionTokensBackward"/>
    protected abstract void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount);

    /// <inheritdoc cref="PixelShuffleForward"/>
    protected abstract void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth);

    /// <inheritdoc cref="PixelShuffleBackward"/>
    protected abstract void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth);

    private ElementType CheckVisionTokens(DeviceView tokens, DeviceView patches, DeviceView positions,
        [CallerArgumentExpression(nameof(tokens))] string tokensName = "", [CallerMemberName] string operation = "")
    {
        var storage = Require.Storage(this, positions, operation: operation);
        var patchCount = positions.Rows - 1;
        Require.That(patchCount > 0 && patches.Rows % patchCount == 0, $"whole tiles of {patchCount} patches, found {patches.Rows} rows", operation);
        Require.Shape(patches, patches.Rows, positions.Columns, storage, operation: operation);
        Require.Shape(tokens, patches.Rows / patchCount * (1 + patchCount), positions.Columns, storage, name: tokensName, operation: operation);
        return storage;
    }

    private void CheckPixelShuffle(DeviceView joined, DeviceView tokens, int gridHeight, int gridWidth,
        [CallerArgumentExpression(nameof(joined))] string joinedName = "", [CallerArgumentExpression(nameof(tokens))] string tokensName = "", [CallerMemberName] string operation = "")
    {
        Require.That(gridHeight > 0 && gridWidth > 0 && gridHeight % 2 == 0 && gridWidth % 2 == 0, $"an even grid, found {gridHeight} x {gridWidth}", operation);
        var storage = Require.Storage(this, tokens, name: tokensName, operation: operation);
        var rows = 1 + (long)gridHeight * gridWidth;
        Require.That(tokens.Rows % rows == 0, $"whole tiles of {rows} rows, found {tokens.Rows}", operation);
        Require.Shape(joined, tokens.Rows / rows * (gridHeight / 2) * (gridWidth / 2), 4 * tokens.Columns, storage, name: joinedName, operation: operation);
    }
}
