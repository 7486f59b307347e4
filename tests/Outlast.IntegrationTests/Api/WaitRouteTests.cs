using System.Net;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class WaitRouteTests
{
    [Fact]
    [Trait("Requirement", "V-03")]
    [Trait("Requirement", "U-52")]
    public async Task One_call_waits_for_any_or_all_and_says_who_is_left()
    {
        await using var host = await ApiHost.StartAsync();
        var (one, two) = (host.Tasks.Add().Id, host.Tasks.Add().Id);
        var all = host.Client.WaitManyAsync(new() { Tasks = [one.ToString(), two.ToString()] }, TimeSpan.FromMinutes(1));
        var any = host.GetAsync($"/v1/wait?task={one}&task={two}&for=any&wait=1m&waiter={two}");
        await Eventually.TrueAsync(() => host.Tasks.Waits.Count == 2, "both wait");
        host.Tasks.End(one);

        var first = await (await any).JsonAsync();
        Assert.True(first.GetProperty("done").GetBoolean());
        Assert.Equal(one.ToString(), first.GetProperty("ended")[0].GetProperty("id").GetString());
        Assert.Equal(two.ToString(), first.GetProperty("open")[0].GetString());
        Assert.Equal(0, first.GetProperty("removed").GetArrayLength());
        Assert.Equal(two, host.Tasks.Waits.Single(w => w.Any).Waiter);
        host.Tasks.End(two);
        Assert.Equal((true, 2), (await all) is var seen ? (seen.Done, seen.Ended.Count) : default);
    }

    [Fact]
    public async Task A_thousand_tasks_are_one_call()
    {
        await using var host = await ApiHost.StartAsync();
        var ids = Enumerable.Range(0, WaitCommand.MostTasks).Select(_ => host.Tasks.Add(state: TaskState.Running).Id.ToString()).ToList();
        Assert.Equal(1000, (await host.Client.WaitManyAsync(new() { Tasks = ids }, TimeSpan.Zero)).Open.Count);
        ids.Add(host.Tasks.Add().Id.ToString());
        var refused = await Assert.ThrowsAsync<OutlastProblemException>(() => host.Client.WaitManyAsync(new() { Tasks = ids }, TimeSpan.Zero));
        Assert.Contains("names 1001; 1000 are the most", refused.Errors["task"]);
    }

    [Theory]
    [InlineData("", "task", "one of task and group is needed")]
    [InlineData("?task=17", "task", "'17' is no whole task id")]
    [InlineData("?task=01k9zq2m9xe4q1dz5w3h7t8v0a&group=g", "group", "is given as well as task; give one of them")]
    [InlineData("?task=01k9zq2m9xe4q1dz5w3h7t8v0a&session=s", "session", "says whose group is meant; without a group it says nothing")]
    [InlineData("?group=g&for=some", "for", "'some' is not one of any, all, next")]
    [InlineData("?group=g&wait=soon", "wait", "'soon' is no duration; write 90s, 10m or PT10M")]
    [InlineData("?group=g&until=x", "until", "is not known here")]
    public async Task What_cannot_be_understood_is_named(string query, string field, string text)
    {
        await using var host = await ApiHost.StartAsync();
        var problem = await (await host.GetAsync("/v1/wait" + query)).ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.Equal(text, problem.GetProperty("errors").GetProperty(field)[0].GetString());
    }

    [Fact]
    public async Task A_circle_and_a_full_tree_are_conflicts_with_what_they_are_about()
    {
        await using var host = await ApiHost.StartAsync();
        var record = host.Tasks.Add();
        host.Tasks.Fault = new WaitCycleException([record.Id, record.Id]);
        var circle = await (await host.GetAsync($"/v1/wait?task={record.Id}")).ProblemAsync(HttpStatusCode.Conflict, ProblemTypes.WaitCycle);
        Assert.Equal([record.Id.ToString(), record.Id.ToString()], circle.GetProperty("path").EnumerateArray().Select(p => p.GetString()));

        host.Tasks.Fault = new TreeFullException(record, TreeFullException.ChildrenLimit, 256, 256);
        var full = await (await host.PostAsync("/v1/tasks", """{"process": {"argv": ["a"]}}""")).ProblemAsync(HttpStatusCode.Conflict, ProblemTypes.TreeFull);
        Assert.Equal(("tree.children", 256, 256, record.Id.ToString()), (full.GetProperty("limit").GetString(), full.GetProperty("has").GetInt32(), full.GetProperty("max").GetInt32(), full.GetProperty("above").GetString()));
    }

    [Fact]
    public async Task What_is_asked_of_a_tree_is_read_and_read_back()
    {
        await using var host = await ApiHost.StartAsync();
        var answer = await (await host.PostAsync("/v1/tasks", """{"process": {"argv": ["a"]}, "detached": true, "children": "stop", "budget": {"wall": "2h", "outputBytes": "1MiB", "tasks": 5}}""")).JsonAsync();

        var spec = host.Tasks.Submissions[0].Spec;
        Assert.Equal((true, ChildPolicy.Stop, new TreeBudget(TimeSpan.FromHours(2), 1 << 20, 5)), (spec.Detached, spec.Children, spec.Budget));
        var told = answer.GetProperty("spec");
        Assert.Equal((true, "stop", 7_200_000, 1 << 20, 5), (told.GetProperty("detached").GetBoolean(), told.GetProperty("children").GetString(),
            told.GetProperty("budget").GetProperty("wallMs").GetInt32(), told.GetProperty("budget").GetProperty("outputBytes").GetInt32(), told.GetProperty("budget").GetProperty("tasks").GetInt32()));
        await (await host.PostAsync("/v1/tasks", told.ToString())).JsonAsync();
        Assert.Equal((spec.Detached, spec.Children, spec.Budget), host.Tasks.Submissions[1].Spec is var again ? (again.Detached, again.Children, again.Budget) : default);
    }
}
