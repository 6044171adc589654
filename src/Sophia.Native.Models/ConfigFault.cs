namespace Sophia.Native.Models;

/// <summary>The first thing wrong with a configuration: the JSON key (the same in both layouts), and what was expected and found.</summary>
internal sealed record ConfigFault(ConfigSection Section, string Key, string Message)
{
    /// <summary>A size must lie in [<paramref name="minimum"/>, <paramref name="maximum"/>]; null when it does.</summary>
    public static ConfigFault? OutOfRange(ConfigSection section, string key, long value, long minimum, long maximum) =>
        value >= minimum && value <= maximum ? null
        : new ConfigFault(section, key, $"expected a number from {minimum} to {maximum}, found {value}");

    /// <summary>A real must be finite and lie in (<paramref name="above"/>, <paramref name="maximum"/>]; null when it does.</summary>
    public static ConfigFault? OutOfRange(ConfigSection section, string key, double value, double above, double maximum) =>
        double.IsFinite(value) && value > above && value <= maximum ? null
        : new ConfigFault(section, key, FormattableString.Invariant($"expected a number above {above} and at most {maximum}, found {value}"));
}

/// <summary>The part of a configuration that a <see cref="ConfigFault"/> lies in.</summary>
internal enum ConfigSection
{
    Top,
    Vision,
    Text,
}
