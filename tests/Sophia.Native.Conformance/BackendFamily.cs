using Xunit;

namespace Sophia.Native.Conformance;

/// <summary>
/// The backend under test, and others that must give the same bits (other numbers of threads, for example). One family serves a test class; it opens its backends on first use.
/// </summary>
public abstract class BackendFamily : IDisposable
{
    private readonly Lazy<IReadOnlyList<Backend>> _backends;

    /// <summary>Creates the family without opening anything.</summary>
    protected BackendFamily() => _backends = new(Open);

    /// <summary>The backend under test.</summary>
    public Backend Subject
    {
        get
        {
            if (WhyNot is { } reason)
                Assert.Skip(reason);
            return _backends.Value[0];
        }
    }

    /// <summary>All backends that must give the same bits, the one under test first.</summary>
    public IReadOnlyList<Backend> Equivalents
    {
        get
        {
            _ = Subject;
            return _backends.Value;
        }
    }

    /// <summary>Why the family cannot be served on this machine, or null.</summary>
    public virtual string? WhyNot => null;

    /// <summary>Whether an operation that is not supported is a failure rather than a skipped test.</summary>
    public virtual bool SupportsEverything => true;

    /// <summary>The most elements that all arguments of a case together may have; larger cases are left to another family.</summary>
    public virtual long MostElements => long.MaxValue;

    /// <summary>Why the family leaves an operation, or one case of it, to another family, or null.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="instance">The case; null for a test that is not of the table.</param>
    public virtual string? WhyOmitted(string operation, CaseInstance? instance) => null;

    /// <summary>Opens the backend under test, then its equivalents.</summary>
    protected abstract IReadOnlyList<Backend> Open();

    /// <summary>Closes the backends.</summary>
    public void Dispose()
    {
        if (_backends.IsValueCreated)
        {
            foreach (var backend in _backends.Value)
                backend.Dispose();
        }
        GC.SuppressFinalize(this);
    }
}
