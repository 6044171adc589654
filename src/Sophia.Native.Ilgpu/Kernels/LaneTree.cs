namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>Sums of lanes that are added as a tree of neighbors when a thread has all 32 of them: a counter in base two, whose digits are the sums of 1, 2, 4, 8 and 16 lanes that wait for their neighbors.</summary>
internal readonly struct LaneTree(float one, float two, float four, float eight, float sixteen, float last)
{
    public const int Lanes = 32;

    private readonly float _one = one;
    private readonly float _two = two;
    private readonly float _four = four;
    private readonly float _eight = eight;
    private readonly float _sixteen = sixteen;

    /// <summary>The sum of the largest whole subtree that ends with the last lane: after lane 31 the sum of all.</summary>
    public readonly float Last = last;

    /// <summary>The tree with the next lane's sum.</summary>
    public LaneTree With(int lane, float sum)
    {
        if ((lane & 1) == 0)
            return new(sum, _two, _four, _eight, _sixteen, sum);
        sum = _one + sum;
        if ((lane & 2) == 0)
            return new(_one, sum, _four, _eight, _sixteen, sum);
        sum = _two + sum;
        if ((lane & 4) == 0)
            return new(_one, _two, sum, _eight, _sixteen, sum);
        sum = _four + sum;
        if ((lane & 8) == 0)
            return new(_one, _two, _four, sum, _sixteen, sum);
        sum = _eight + sum;
        if ((lane & 16) == 0)
            return new(_one, _two, _four, _eight, sum, sum);
        return new(_one, _two, _four, _eight, _sixteen, _sixteen + sum);
    }

    /// <summary>A tree in which a thread has this one lane alone.</summary>
    public static LaneTree Of(float sum) => new(0f, 0f, 0f, 0f, 0f, sum);
}
