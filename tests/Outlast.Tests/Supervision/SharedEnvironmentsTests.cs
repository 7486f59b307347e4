using System.Collections.Immutable;
using Outlast.Supervision;
using Xunit;

namespace Outlast.Tests.Supervision;

public sealed class SharedEnvironmentsTests
{
    private readonly SharedEnvironments _environments = new();

    [Fact]
    public void Equal_environments_are_one_object_and_what_is_different_stays_itself()
    {
        var first = _environments.Share(SpecOf("a", ("PATH", "/bin"), ("HOME", "/root")));
        var second = SpecOf("b", ("PATH", "/bin"), ("HOME", "/root"));
        var shared = _environments.Share(second);
        Assert.NotSame(first.Process!.Environment, second.Process!.Environment);
        Assert.Same(first.Process.Environment, shared.Process!.Environment);
        Assert.Equal(("b", "b"), (shared.Name, shared.Process.Argv[0]));
        foreach (var other in (TaskSpec[])[SpecOf("c", ("PATH", "/bin"), ("HOME", "/")), SpecOf("c", ("PATH", "/bin")), SpecOf("c", ("PATH", "/root"), ("HOME", "/bin")), SpecOf("c")])
            Assert.Same(other, _environments.Share(other));
        var ignoringCase = SpecOf("d", ("PATH", "/bin"), ("HOME", "/root"));
        ignoringCase = ignoringCase with { Process = ignoringCase.Process! with { Environment = ignoringCase.Process.Environment.WithComparers(StringComparer.OrdinalIgnoreCase) } };
        Assert.Same(ignoringCase, _environments.Share(ignoringCase));
    }

    [Fact]
    public void What_runs_no_process_is_left_alone()
    {
        var spec = new TaskSpec { Name = "h", Handler = "h" };
        Assert.Same(spec, _environments.Share(spec));
    }

    [Fact]
    public void Environments_that_nobody_holds_are_forgotten()
    {
        for (var i = 0; i < 1000; i++)
        {
            _environments.Share(SpecOf("a", ("N", $"{i}")));
            if (i % 50 == 0) GC.Collect();
        }
        Assert.InRange(_environments.Count, 1, 200);
    }

    private static TaskSpec SpecOf(string program, params (string Name, string Value)[] variables) => new()
    {
        Name = program,
        Process = new ProcessSpec { Argv = [program], Cwd = "/", Environment = variables.ToImmutableSortedDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal) },
    };
}
