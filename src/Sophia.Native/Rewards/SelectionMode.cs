namespace Sophia.Native.Rewards;

/// <summary>Which answers of an (image, question) pair are rewarded: the method and the ablations the paper measures.</summary>
public enum SelectionMode
{
    /// <summary>The method: right answers of captions that pass the gate, the shortest first.</summary>
    Shortest = 0,

    /// <summary>"No caption reward": right answers of any caption, the shortest first.</summary>
    NoCaptionReward = 1,

    /// <summary>"No shortest": right answers of captions that pass the gate, in random order.</summary>
    NoShortest = 2,

    /// <summary>Random selection: any answer, right or wrong, in random order.</summary>
    Random = 3,
}
