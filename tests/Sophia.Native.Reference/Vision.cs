namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>Row (tile, i, j) of the patches is the patch at patch row i and patch column j, flattened as (channel, y, x); pixels are planar.</summary>
    public static void PatchExtract(Span<double> patches, ReadOnlySpan<double> pixels, int tiles, int height, int width, int patchSize)
    {
        var written = 0;
        for (var tile = 0; tile < tiles; tile++)
        {
            for (var i = 0; i < height / patchSize; i++)
            {
                for (var j = 0; j < width / patchSize; j++)
                {
                    for (var channel = 0; channel < 3; channel++)
                    {
                        for (var y = 0; y < patchSize; y++)
                        {
                            for (var x = 0; x < patchSize; x++)
                                patches[written++] = pixels[((tile * 3 + channel) * height + i * patchSize + y) * width + j * patchSize + x];
                        }
                    }
                }
            }
        }
    }

    /// <summary>output[t, 0] = classToken + positions[0], output[t, 1 + p] = patches[t, p] + positions[1 + p].</summary>
    public static void VisionTokensForward(Span<double> output, ReadOnlySpan<double> patches, ReadOnlySpan<double> classToken, ReadOnlySpan<double> positions, int tiles, int patchCount, int channels)
    {
        for (var tile = 0; tile < tiles; tile++)
        {
            for (var row = 0; row <= patchCount; row++)
            {
                for (var c = 0; c < channels; c++)
                {
                    var own = row == 0 ? classToken[c] : patches[(tile * patchCount + row - 1) * channels + c];
                    output[(tile * (1 + patchCount) + row) * channels + c] = own + positions[row * channels + c];
                }
            }
        }
    }

    /// <summary>dPatches[t, p] = dOutput[t, 1 + p]; dClassToken += sum over tiles of dOutput[t, 0]; dPositions += sum over tiles of dOutput[t].</summary>
    public static void VisionTokensBackward(Span<double> dPatches, Span<double> dClassToken, Span<double> dPositions, ReadOnlySpan<double> dOutput, int tiles, int patchCount, int channels)
    {
        for (var tile = 0; tile < tiles; tile++)
        {
            for (var row = 0; row <= patchCount; row++)
            {
                for (var c = 0; c < channels; c++)
                {
                    var gradient = dOutput[(tile * (1 + patchCount) + row) * channels + c];
                    if (!dPositions.IsEmpty)
                        dPositions[row * channels + c] += gradient;
                    if (row == 0 && !dClassToken.IsEmpty)
                        dClassToken[c] += gradient;
                    if (row > 0 && !dPatches.IsEmpty)
                        dPatches[(tile * patchCount + row - 1) * channels + c] = gradient;
                }
            }
        }
    }

    /// <summary>Row 0 is copied, the G x G others are interpolated bicubically (a = -0.75, align_corners = false, borders clamped), as torch.nn.functional.interpolate does.</summary>
    public static void PositionInterpolationForward(Span<double> output, ReadOnlySpan<double> positions, int grid, int gridHeight, int gridWidth, int channels)
    {
        for (var c = 0; c < channels; c++)
            output[c] = positions[c];
        for (var y = 0; y < gridHeight; y++)
        {
            for (var x = 0; x < gridWidth; x++)
            {
                for (var c = 0; c < channels; c++)
                {
                    var sum = 0.0;
                    for (var i = 0; i < 4; i++)
                    {
                        for (var j = 0; j < 4; j++)
                        {
                            var (row, rowWeight) = BicubicTap(y, gridHeight, grid, i);
                            var (column, columnWeight) = BicubicTap(x, gridWidth, grid, j);
                            sum += rowWeight * columnWeight * positions[(1 + row * grid + column) * channels + c];
                        }
                    }
                    output[(1 + y * gridWidth + x) * channels + c] = sum;
                }
            }
        }
    }

    /// <summary>The transpose of the interpolation, added to dPositions.</summary>
    public static void PositionInterpolationBackward(Span<double> dPositions, ReadOnlySpan<double> dOutput, int grid, int gridHeight, int gridWidth, int channels)
    {
        for (var c = 0; c < channels; c++)
            dPositions[c] += dOutput[c];
        for (var y = 0; y < gridHeight; y++)
        {
            for (var x = 0; x < gridWidth; x++)
            {
                for (var c = 0; c < channels; c++)
                {
                    for (var i = 0; i < 4; i++)
                    {
                        for (var j = 0; j < 4; j++)
                        {
                            var (row, rowWeight) = BicubicTap(y, gridHeight, grid, i);
                            var (column, columnWeight) = BicubicTap(x, gridWidth, grid, j);
                            dPositions[(1 + row * grid + column) * channels + c] += rowWeight * columnWeight * dOutput[(1 + y * gridWidth + x) * channels + c];
                        }
                    }
                }
            }
        }
    }

    /// <summary>output[t, I * w/2 + J, (di * 2 + dj) * C + c] = input[t, 1 + (2I + di) * w + 2J + dj, c].</summary>
    public static void PixelShuffleForward(Span<double> output, ReadOnlySpan<double> input, int tiles, int gridHeight, int gridWidth, int channels)
    {
        for (var i = 0; i < output.Length; i++)
            output[i] = input[ShuffledFrom(i, gridHeight, gridWidth, channels)];
    }

    /// <summary>The inverse permutation; the class token's row gets zero.</summary>
    public static void PixelShuffleBackward(Span<double> dInput, ReadOnlySpan<double> dOutput, int tiles, int gridHeight, int gridWidth, int channels)
    {
        dInput.Clear();
        for (var i = 0; i < dOutput.Length; i++)
            dInput[ShuffledFrom(i, gridHeight, gridWidth, channels)] = dOutput[i];
    }

    private static int ShuffledFrom(int index, int gridHeight, int gridWidth, int channels)
    {
        var c = index % channels;
        var corner = index / channels % 4;
        var block = index / (4 * channels) % (gridHeight / 2 * (gridWidth / 2));
        var tile = index / (4 * channels) / (gridHeight / 2 * (gridWidth / 2));
        var row = 2 * (block / (gridWidth / 2)) + corner / 2;
        var column = 2 * (block % (gridWidth / 2)) + corner % 2;
        return (tile * (1 + gridHeight * gridWidth) + 1 + row * gridWidth + column) * channels + c;
    }

    /// <summary>Tap 0..3 of an output coordinate: the input coordinate it reads, clamped to the border, and its weight by Keys' cubic kernel.</summary>
    private static (int Source, double Weight) BicubicTap(int output, int outputSize, int inputSize, int tap)
    {
        const double a = -0.75;
        var center = (output + 0.5) * inputSize / outputSize - 0.5;
        var first = Math.Floor(center);
        var distance = Math.Abs(center - (first - 1 + tap));
        var weight = distance <= 1.0
            ? ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1.0
            : ((a * distance - 5.0 * a) * distance + 8.0 * a) * distance - 4.0 * a;
        return (Math.Clamp((int)first - 1 + tap, 0, inputSize - 1), weight);
    }
}
