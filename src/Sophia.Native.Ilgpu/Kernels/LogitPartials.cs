using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>
/// Partial sums of rows of logits, by the law of the engine's <c>RowStatistics</c>, so that equal logits give equal bits: column v belongs to lane v mod 16 in blocks of 4096 columns; the blocks of a lane are added in
/// their order, the sixteen lanes are folded by halves. So a log-probability recorded while sampling is bitwise that of training.
/// </summary>
/// <param name="memory">For each row the maxima of its chains, their sums, their weighted sums, and the row's maximum.</param>
/// <param name="chains">Chains of a row: sixteen for each block.</param>
internal readonly struct LogitPartials(ArrayView<float> memory, int chains)
{
    public const int Lanes = 16;
    public const int BlockColumns = 4096;

    private readonly ArrayView<float> _memory = memory;

    public readonly int Chains = chains;

    /// <summary>Floats for each row.</summary>
    public static long FloatsOf(int chains) => 3L * chains + 1;

    public static int ChainsOf(long columns) => (int)((columns + BlockColumns - 1) / BlockColumns * Lanes);

    /// <summary>The first column of a chain; the next is <see cref="Lanes"/> further.</summary>
    public static int FirstColumn(int chain) => chain / Lanes * BlockColumns + chain % Lanes;

    public static int EndColumn(int chain, int columns)
    {
        var end = (chain / Lanes + 1) * BlockColumns;
        return end < columns ? end : columns;
    }

    public float Maximum(long row) => _memory[row * (3L * Chains + 1) + 3L * Chains];

    public void WriteMaximum(long row, float value) => _memory[row * (3L * Chains + 1) + 3L * Chains] = value;

    public float ChainMaximum(long row, int chain) => _memory[row * (3L * Chains + 1) + chain];

    public void WriteChainMaximum(long row, int chain, float value) => _memory[row * (3L * Chains + 1) + chain] = value;

    public void WriteSums(long row, int chain, float sum, float weightedSum)
    {
        _memory[row * (3L * Chains + 1) + Chains + chain] = sum;
        _memory[row * (3L * Chains + 1) + 2L * Chains + chain] = weightedSum;
    }

    public LogitStatistics Statistics(long row) => new(Maximum(row), Fold(row * (3L * Chains + 1) + Chains), Fold(row * (3L * Chains + 1) + 2L * Chains));

    /// <summary>Lanes 8 apart, then 4, 2 and 1.</summary>
    private float Fold(long first) =>
        (Four(first, 0) + Four(first, 2)) + (Four(first, 1) + Four(first, 3));

    private float Four(long first, int lane) => Eight(first, lane) + Eight(first, lane + 4);

    private float Eight(long first, int lane) => Lane(first, lane) + Lane(first, lane + 8);

    private float Lane(long first, int lane)
    {
        var sum = 0f;
        for (var chain = lane; chain < Chains; chain += Lanes)
            sum += _memory[first + chain];
        return sum;
    }
}
