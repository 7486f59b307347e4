using Outlast.Lifecycle;
using Outlast.TestKit.Properties;

namespace Outlast.Tests.Lifecycle;

/// <summary>The rules of docs/lifecycle.md, held by random walks of several writers with stale memories; and proof that each rule can fail.</summary>
public sealed class LifecyclePropertyTests
{
    public static TheoryData<string> Rules => [.. typeof(Rule).GetNestedTypes().Select(t => t.Name)];

    public static TheoryData<string> Faults => [.. Mutants.All.Keys];

    [Theory]
    [MemberData(nameof(Rules))]
    [Trait("Requirement", "S285-7")]
    [Trait("Requirement", "S2293-12")]
    [Trait("Requirement", "S2293-13")]
    [Trait("Requirement", "D9")]
    [Trait("Requirement", "C15")]
    [Trait("Requirement", "A10")]
    [Trait("Requirement", "U-15")]
    [Trait("Requirement", "U-16")]
    public void Every_walk_keeps_the_rule(string rule) =>
        Property.Holds(Step.Next, Step.Simpler, steps => World.Walk(steps, TaskLifecycle.Apply, Make(typeof(Rule).GetNestedType(rule)!)), walks: 250, length: 120);

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_faulty_lifecycle_is_found_and_shown_in_a_few_steps(string fault)
    {
        var (finder, apply) = Mutants.All[fault];
        var broken = Assert.Throws<PropertyBrokenException>(() => Property.Holds(Step.Next, Step.Simpler, steps => World.Walk(steps, apply, Make(finder)), walks: 3000, length: 160, seed: 1));
        Assert.IsType<InvalidOperationException>(broken.InnerException);
        Assert.InRange(broken.Steps.Count, 1, 12);
    }

    [Fact]
    public void Every_rule_has_a_fault_that_it_finds() =>
        Assert.Equal(typeof(Rule).GetNestedTypes().Select(t => t.Name).Order(), Mutants.All.Values.Select(m => m.Finder.Name).Distinct().Order());

    private static Rule Make(Type rule) => (Rule)Activator.CreateInstance(rule)!;
}
