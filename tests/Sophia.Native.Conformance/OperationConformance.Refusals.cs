using Xunit;

namespace Sophia.Native.Conformance;

public abstract partial class OperationConformance
{
    [Theory]
    [OperationData]
    public void An_argument_of_another_type_is_refused(string operation, ElementType storage) => CheckRefusals(operation, storage, (argument, view, scratch) =>
        scratch.Empty(view.Rows, view.Columns, argument.Type == ElementType.Int32 ? ElementType.Float32 : ElementType.Int32));

    [Theory]
    [OperationData]
    public void An_argument_stored_otherwise_than_the_rest_is_refused(string operation, ElementType storage)
    {
        // An argument that is stored alone decides the type of the call.
        var alone = CaseTable.Find(CaseTable.Fullest(operation, storage, family.MostElements)).Build().Arguments.Count(argument => argument.IsStored) == 1;
        CheckRefusals(operation, storage, (argument, view, scratch) =>
            argument.Type is not (ElementType.Float32 or ElementType.BFloat16) || argument.HasFreeType || (argument.IsStored && alone && Subject.Supports(ElementType.BFloat16))
                ? null
                : scratch.Empty(view.Rows, view.Columns, argument.Type == ElementType.Float32 ? ElementType.BFloat16 : ElementType.Float32));
    }

    [Theory]
    [OperationData]
    public void An_argument_with_a_column_too_few_is_refused(string operation, ElementType storage) => CheckRefusals(operation, storage, (argument, view, _) =>
        argument.HasFreeColumns || view.Columns == 0 ? null : view.ColumnRange(0, view.Columns - 1));

    [Theory]
    [OperationData]
    public void An_argument_with_a_row_too_few_is_refused(string operation, ElementType storage) => CheckRefusals(operation, storage, (argument, view, _) =>
        argument.HasFreeRows || argument.IsVector || view.Rows == 0 ? null : view.RowRange(0, view.Rows - 1));

    [Theory]
    [OperationData]
    public void An_argument_that_is_not_optional_cannot_be_absent(string operation, ElementType storage) => CheckRefusals(operation, storage, (argument, _, _) =>
        argument.IsOptional ? null : default(DeviceView));

    [Fact]
    public void A_storage_type_is_supported_as_stated_or_refused_by_every_operation_before_anything_is_written()
    {
        var stated = StorageTypesAttribute.Of(GetType());
        foreach (var type in Enum.GetValues<ElementType>())
            Assert.True(Subject.Supports(type) == stated.Contains(type), $"{Subject.Description} supports {type}: {Subject.Supports(type)}; {GetType().Name} states {string.Join(", ", stated)}.");
        foreach (var operation in stated.Contains(ElementType.BFloat16) ? [] : CaseTable.Operations(ElementType.BFloat16))
        {
            var name = CaseTable.Fullest(operation, ElementType.BFloat16, family.MostElements);
            var instance = CaseTable.Find(name).Build();
            using var device = new DeviceCase(Subject, instance, name);
            var before = device.DownloadWritten();
            var refusal = Assert.Throws<NotSupportedException>(device.Call);
            Assert.StartsWith(operation[..4], refusal.Message, StringComparison.Ordinal);
            Assert.Contains(nameof(ElementType.BFloat16), refusal.Message, StringComparison.Ordinal);
            device.CheckSameBits(before, "before the refusal");
        }
    }

    /// <summary>Replaces one argument after the other and expects a message that names operation and argument.</summary>
    private void CheckRefusals(string operation, ElementType storage, Func<Argument, DeviceView, DeviceScratch, DeviceView?> replace)
    {
        var name = CaseTable.Fullest(operation, storage, family.MostElements);
        var instance = Build(name);
        using var device = new DeviceCase(Subject, instance, name);
        using var scratch = new DeviceScratch(Subject);
        foreach (var argument in instance.Arguments)
        {
            if (replace(argument, device.View(argument), scratch) is not { } wrong)
                continue;
            var refusal = Record.Exception(() => instance.Invoke(Subject, asked => ReferenceEquals(asked, argument) ? wrong : device.View(asked)));
            var found = $"{name}, {argument.Name} as {wrong}: {refusal?.GetType().Name ?? "accepted"} {refusal?.Message}";
            var isUnsupported = refusal is NotSupportedException && wrong.Type == ElementType.BFloat16 && !Subject.Supports(ElementType.BFloat16);
            Assert.True(refusal is ArgumentException || isUnsupported, found);
            var prefix = refusal!.Message.Split(':')[0];
            Assert.True(operation.StartsWith(prefix, StringComparison.Ordinal) || (prefix == "Objective" && operation.Contains(prefix, StringComparison.Ordinal)), found);
            if (isUnsupported)
                continue;
            var parameter = ((ArgumentException)refusal).ParamName;
            var names = parameter is null
                ? refusal.Message.Contains("expected", StringComparison.Ordinal)
                : instance.Arguments.Any(known => parameter.EndsWith(known.Name, StringComparison.OrdinalIgnoreCase)) && refusal.Message.Contains(parameter, StringComparison.Ordinal);
            Assert.True(names, found);
        }
        device.CheckSentinels();
    }
}
