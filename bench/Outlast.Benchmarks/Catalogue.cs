using System.Text;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Scenarios;

namespace Outlast.Benchmarks;

/// <summary>Every scenario, in the order in which <c>all</c> runs them.</summary>
internal static class Catalogue
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        SubmitAlone.Scenario, SubmitTogether.Scenario, WholeLife.Scenario, CommitsPerTask.Scenario, SubmitOverHttp.Scenario, PickUp.Scenario, NoticeSeen.Scenario, FirstAction.Scenario, ShortProcesses.Scenario, BulkOutput.Scenario,
        FollowedOutput.Scenario, WaitingHandlers.Scenario, IdleHost.Scenario, SleepingProcesses.Scenario, HostStart.Scenario, Lists.Scenario, PsVerb.Scenario, StopSeen.Scenario, StopSignal.Scenario, StopTree.Scenario,
        HostKilled.Scenario, HandlersKilled.Scenario,
    ];

    public static string Describe()
    {
        var text = new StringBuilder();
        foreach (var scenario in All)
        {
            text.Append($"{scenario.Name,-4} {scenario.Measures}\n     ");
            text.AppendJoin(' ', scenario.Sizes.Select(s => $"--{s.Name} {s.Default}")).Append('\n');
        }
        text.Append("all  every one of them, with the sizes above");
        return text.ToString();
    }
}
