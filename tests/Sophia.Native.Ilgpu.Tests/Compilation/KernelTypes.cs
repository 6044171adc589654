using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu.Tests.Compilation;

/// <summary>Every kernel of the backend: the structs that are one, with every struct of the backend that fits in the place of their type parameters.</summary>
internal static class KernelTypes
{
    private static readonly Type[] Structs = [.. typeof(IlgpuBackend).Assembly.GetTypes().Where(type => type.IsValueType && !type.IsEnum)];

    public static IReadOnlyList<Type> All { get; } = [.. Closed(typeof(IKernel)).OrderBy(NameOf, StringComparer.Ordinal)];

    public static string NameOf(Type type) =>
        type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>" : type.Name;

    /// <summary>The structs that implement an interface, closed.</summary>
    private static IEnumerable<Type> Closed(Type contract) =>
        Structs.Where(type => type.GetInterfaces().Any(implemented => Fits(implemented, contract))).SelectMany(Close);

    private static bool Fits(Type implemented, Type contract) =>
        implemented == contract || (contract.IsGenericType && implemented.IsGenericType && implemented.GetGenericTypeDefinition() == contract.GetGenericTypeDefinition());

    private static IEnumerable<Type> Close(Type type)
    {
        if (!type.IsGenericTypeDefinition)
            return [type];
        IEnumerable<Type[]> choices = [[]];
        foreach (var parameter in type.GetGenericArguments())
        {
            // A parameter without a contract is bits that are copied.
            var contract = parameter.GetGenericParameterConstraints().SingleOrDefault(constraint => constraint.IsInterface);
            var fitting = contract is null ? [typeof(ushort), typeof(int), typeof(long)] : Closed(contract);
            choices = choices.SelectMany(_ => fitting, (chosen, next) => (Type[])[.. chosen, next]).ToArray();
        }
        return choices.Select(chosen => type.MakeGenericType(chosen));
    }
}
