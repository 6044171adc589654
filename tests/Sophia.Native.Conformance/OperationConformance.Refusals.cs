using Xunit;

namespace Sophia.Native.Conformance;

public abstract partial class OperationConformance
{
    /// <summary>All operations of the table.</summary>
    public static TheoryData<string> OperationNames
    {
        get
        {
            var names = new TheoryData<string>();
            foreach (var operation in CaseTable.Operations)
                names.Add(operation);
            return names;
        }
    }

    [Theory]
    [MemberData(nameof(OperationNames))]
    public void An_argument_of_another_type_is_refused(string operation) => CheckRefusals(operation, (argument, view) =>
        new(view.Buffer, view.ByteOffset, view.Rows, view.Columns, view.Stride, argument.Type == ElementType.Int32 ? ElementType.Float32 : ElementType.Int32));

    [Theory]
    [MemberData(nameof(OperationNames))]
    public void An_argument_with_a_column_too_few_is_refused(string operation) => CheckRefusals(operation, (argument, view) =>
        argument.HasFreeColumns || view.Columns == 0 ? null : view.ColumnRange(0, view.Columns - 1));

    [Theory]
    [MemberData(nameof(OperationNames))]
    public void An_argument_with_a_row_too_few_is_refused(string operation) => CheckRefusals(operation, (argument, view) =>
        argument.HasFreeRows || argument.IsVector || view.Rows == 0 ? null : view.RowRange(0, view.Rows - 1));

    [Theory]
    [MemberData(nameof(OperationNames))]
    public void An_argument_that_is_not_optional_cannot_be_absent(string operation) => CheckRefusals(operation, (argument, _) =>
        argument.IsOptional ? null : default(DeviceView));

    /// <summary>Replaces one argument after the other and expects a message that names operation and argument.</summary>
    private void CheckRefusals(string operation, Func<Argument, DeviceView, DeviceView?> replace)
    {
        var name = CaseTable.Fullest(operation);
        var instance = Build(name);
        using var device = new DeviceCase(Subject, instance, name);
        foreach (var argument in instance.Arguments)
        {
            if (replace(argument, device.View(argument)) is not { } wrong)
                continue;
            var refusal = Record.Exception(() => instance.Invoke(Subject, asked => ReferenceEquals(asked, argument) ? wrong : device.View(asked)));
            var found = $"{name}, {argument.Name} as {wrong}: {refusal?.GetType().Name ?? "accepted"} {refusal?.Message}";
            Assert.True(refusal is ArgumentException, found);
            var prefix = refusal!.Message.Split(':')[0];
            Assert.True(operation.StartsWith(prefix, StringComparison.Ordinal) || (prefix == "Objective" && operation.Contains(prefix, StringComparison.Ordinal)), found);
            var parameter = ((ArgumentException)refusal).ParamName;
            var names = parameter is null
                ? refusal.Message.Contains("expected", StringComparison.Ordinal)
                : instance.Arguments.Any(known => parameter.EndsWith(known.Name, StringComparison.OrdinalIgnoreCase)) && refusal.Message.Contains(parameter, StringComparison.Ordinal);
            Assert.True(names, found);
        }
        device.CheckSentinels();
    }
}
