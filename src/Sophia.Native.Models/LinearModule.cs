using Sophia.Native.Models.Files;

namespace Sophia.Native.Models;

/// <summary>A linear layer as transformers has it: a range of rows of a canonical weight, which may hold several of them one below the other.</summary>
/// <param name="Path">Its path in memory in InternVLForConditionalGeneration, as adapters name it.</param>
/// <param name="FileName">Its name in the files of a checkpoint, without <c>.weight</c>.</param>
/// <param name="Weight">The canonical weight.</param>
/// <param name="FirstRow">Its first row in that weight.</param>
/// <param name="Rows">O, the number of its rows.</param>
internal sealed record LinearModule(string Path, string FileName, Parameter Weight, int FirstRow, int Rows)
{
    private const string WeightSuffix = ".weight";

    public ParameterGroup Group => Weight.Group;

    /// <summary>C.</summary>
    public int Columns => Weight.Columns;

    /// <summary>The name of A [rank, C].</summary>
    public string DownName => $"adapter.{Path}.lora_A";

    /// <summary>The name of B [O, rank].</summary>
    public string UpName => $"adapter.{Path}.lora_B";

    /// <summary>The paths under which other versions of transformers, and the original code where it agrees, know the module.</summary>
    public IEnumerable<string> Spellings
    {
        get
        {
            yield return Path;
            foreach (var name in HuggingFaceTensors.SpellingsOf(FileName + WeightSuffix))
            {
                if (name != Path + WeightSuffix)
                    yield return name[..^WeightSuffix.Length];
            }
        }
    }

    /// <summary>All linear layers in the order of the forward pass, but for the head. The patch embedding is a convolution in the files.</summary>
    public static IReadOnlyList<LinearModule> Of(InternVLConfig config)
    {
        var layout = new ParameterLayout(config);
        var modules = new List<LinearModule>();
        foreach (var tensor in new CheckpointMap(layout, CheckpointLayout.HuggingFace).Tensors)
        {
            if (tensor.Shape.Count != 2 || tensor.Parts is not [var part] || part.Parameter.Name is "decoder.embedding" or "decoder.head.weight")
                continue;
            var name = tensor.Name[..^WeightSuffix.Length];
            modules.Add(new(HuggingFaceTensors.MemoryName(name), name, part.Parameter, (int)part.FirstRow, (int)part.RowCount));
        }
        return modules;
    }
}
