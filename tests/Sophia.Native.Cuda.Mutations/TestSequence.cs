using System.Reflection;
using Sophia.Native.Cuda.Tests.Conformance;
using Sophia.Native.Cuda.Tests.Golden;
using Sophia.Native.Cuda.Tests.Operations;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Sophia.Native.Cuda.Mutations;

/// <summary>
/// The tests of some operations one after the other, up to the first failure: those that watch every access first, the large shapes on the fast device last. xunit's own runner would take longer to find the
/// tests than most of them run.
/// </summary>
internal sealed class TestSequence
{
    private const string SkipMark = "$XunitDynamicSkip$";

    /// <summary>Operations that tests of others call: those tests shall run although the operations' own do not.</summary>
    private static readonly string[] Companions =
    [
        "LinearForward", "LinearBackwardInput", "LinearBackwardWeight", "CacheAppend", "SequenceLogRatios", "ObjectiveStatistics", "RmsNormForward", "RmsNormBackward", "LayerNormForward", "LayerNormBackward",
    ];

    private static readonly Type[] Classes = [.. typeof(CudaFamily).Assembly.GetTypes().Where(type => !type.IsAbstract && FamilyOf(type) is not null).OrderBy(Order).ThenBy(type => type.Name, StringComparer.Ordinal)];

    private readonly string[] _operations;

    /// <param name="operations">The operations whose tests count.</param>
    public TestSequence(IReadOnlyList<string> operations)
    {
        _operations = [.. operations];
        Environment.SetEnvironmentVariable(CudaFamily.OperationsVariable, string.Join(',', [.. operations, .. Companions]));
    }

    /// <summary>Runs them.</summary>
    /// <returns>How many ran, and the first failure, or null.</returns>
    public (int Count, string? Failure) Run()
    {
        var count = 0;
        var families = new Dictionary<Type, BackendFamilyHolder>();
        try
        {
            foreach (var testClass in Classes)
            {
                if (!Concerns(testClass))
                    continue;
                var familyType = FamilyOf(testClass)!;
                if (!families.TryGetValue(familyType, out var holder))
                    families.Add(familyType, holder = new(familyType));
                foreach (var method in testClass.GetMethods().Where(method => method.GetCustomAttribute<FactAttribute>() is not null && Concerns(testClass, method)).OrderBy(Order))
                {
                    foreach (var arguments in Rows(testClass, method))
                    {
                        if (arguments is [string name] && !Concerns(name))
                            continue;
                        var failure = Run(testClass, method, holder, arguments, ref count);
                        if (failure is not null)
                            return (count, failure);
                    }
                }
            }
            return (count, null);
        }
        finally
        {
            foreach (var holder in families.Values)
                holder.Dispose();
        }
    }

    private static string? Run(Type testClass, MethodInfo method, BackendFamilyHolder family, object?[] arguments, ref int count)
    {
        object? test = null;
        try
        {
            test = Activator.CreateInstance(testClass, family.Family);
            method.Invoke(test, arguments);
            count++;
            return null;
        }
        catch (TargetInvocationException thrown)
        {
            var fault = thrown.InnerException!;
            if (fault.Message.StartsWith(SkipMark, StringComparison.Ordinal))
                return null;
            count++;
            return $"{testClass.Name}.{method.Name}({string.Join(", ", arguments)}): {fault.Message}";
        }
        finally
        {
            (test as IDisposable)?.Dispose();
        }
    }

    /// <summary>Whole models take long and show nothing that their operations do not; tests of products and norms are for products and norms.</summary>
    private bool Concerns(Type testClass) =>
        testClass.Namespace != typeof(GoldenModelTests).Namespace
        && (!typeof(LinearTests).IsAssignableFrom(testClass) || Array.Exists(_operations, operation => operation.StartsWith("Linear", StringComparison.Ordinal)))
        && (!typeof(AlignmentTests).IsAssignableFrom(testClass) || Array.Exists(_operations, operation => operation.Contains("Norm", StringComparison.Ordinal)));

    /// <summary>Of the fast device, which nothing watches, the results of the large shapes: that they do not depend on the batch, and all the rest, the checked devices have shown at smaller ones.</summary>
    private static bool Concerns(Type testClass, MethodInfo method) => testClass != typeof(CudaConformance_Fast) || Order(method) < 2;

    /// <summary>Case names begin with the operation; other texts are for the test itself to judge.</summary>
    private bool Concerns(string name)
    {
        var space = name.IndexOf(' ');
        var operation = space < 0 ? name : name[..space];
        return !AllOperations.Contains(operation) || _operations.Contains(operation);
    }

    private static readonly HashSet<string> AllOperations = [.. Conformance.CaseTable.Operations()];

    private static IEnumerable<object?[]> Rows(Type testClass, MethodInfo method)
    {
        var attributes = method.GetCustomAttributes<DataAttribute>().ToArray();
        if (attributes.Length == 0)
            yield return [];
        // Data attributes ask for the class that is run, which a method of its base gives only when it is looked up there.
        var declared = testClass.GetMethod(method.Name)!;
        foreach (var attribute in attributes)
        {
            // The rows of a member are complete only while xunit itself runs: they are read from the member.
            var rows = attribute is MemberDataAttribute member
                ? (IEnumerable<ITheoryDataRow>)testClass.GetProperty(member.MemberName, BindingFlags.Public | BindingFlags.Static | BindingFlags.FlattenHierarchy)!.GetValue(null)!
                : attribute.GetData(declared, new DisposalTracker()).AsTask().GetAwaiter().GetResult();
            foreach (var row in rows)
                yield return row.GetData();
        }
    }

    private static Type? FamilyOf(Type type) =>
        type.GetConstructors() is [var constructor] && constructor.GetParameters() is [var parameter] && typeof(CudaFamily).IsAssignableFrom(parameter.ParameterType) ? parameter.ParameterType : null;

    /// <summary>The tests that were written for the kernels reach all their roads at once; the table begins with the smallest shapes.</summary>
    private static int Order(Type testClass) =>
        testClass == typeof(CudaConformance_Checked) ? 1 : FamilyOf(testClass) == typeof(CudaCheckedFamily) ? 0 : testClass == typeof(CudaConformance_Fast) ? 3 : 2;

    /// <summary>The comparison with the reference finds most.</summary>
    private static int Order(MethodInfo method) => method.Name.StartsWith("The_result", StringComparison.Ordinal) ? 0 : method.Name.StartsWith("Column_ranges", StringComparison.Ordinal) ? 1 : 2;

    /// <summary>A family that is opened once for all its tests, as xunit's class fixtures are.</summary>
    private sealed class BackendFamilyHolder(Type type) : IDisposable
    {
        public CudaFamily Family { get; } = (CudaFamily)Activator.CreateInstance(type)!;

        public void Dispose() => Family.Dispose();
    }
}
