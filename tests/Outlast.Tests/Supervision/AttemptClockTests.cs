using Outlast.Runners;
using Outlast.Supervision;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class AttemptClockTests
{
    private static readonly AttemptVitals Computing = new(OutputFacts.Empty, null, TimeSpan.FromSeconds(1), 1, 1, 0, 0);
    private readonly ManualTime _time = new();

    [Fact]
    [Trait("Requirement", "U-20")]
    public void Work_that_was_first_looked_at_late_is_not_silent_if_it_has_computed_since_its_start()
    {
        var clock = new AttemptClock(_time, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero);
        _time.Advance(TimeSpan.FromSeconds(5));
        clock.Observe(Computing);
        Assert.Equal(TimeSpan.Zero, clock.Idle);
        _time.Advance(TimeSpan.FromSeconds(5));
        clock.Observe(Computing);
        Assert.Equal(TimeSpan.FromSeconds(5), clock.Idle);
    }

    [Fact]
    [Trait("Requirement", "B17")]
    public void Work_that_never_showed_life_is_silent_since_its_start()
    {
        var clock = new AttemptClock(_time, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero);
        _time.Advance(TimeSpan.FromSeconds(5));
        clock.Observe(Computing with { Cpu = TimeSpan.Zero });
        Assert.Equal(TimeSpan.FromSeconds(5), clock.Idle);
    }

    [Fact]
    public void What_an_adopted_attempt_had_computed_before_is_no_activity()
    {
        var clock = new AttemptClock(_time, TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(1));
        clock.Observe(Computing);
        Assert.Equal(TimeSpan.FromMinutes(3), clock.Idle);
    }
}
