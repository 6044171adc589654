using System.CommandLine;

namespace Sophia.Native.Cli;

/// <summary>The option of the verbs that take an adapter over a model.</summary>
internal static class AdapterFlag
{
    public static Option<string?> Create(string description = "adapter over the model: a folder with PEFT's adapter_config.json and adapter_model.safetensors") => new("--adapter") { Description = description };
}
