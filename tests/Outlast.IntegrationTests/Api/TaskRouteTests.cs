using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class TaskRouteTests
{
    private static readonly DateTimeOffset At = new(2026, 11, 20, 11, 2, 3, 45, TimeSpan.FromHours(1));

    /// <summary>The wire shape with every field at once. A change here is a change of the contract.</summary>
    [Fact]
    [Trait("Requirement", "U-16")]
    public async Task A_task_is_written_as_the_contract_shows_it()
    {
        await using var host = await ApiHost.StartAsync();
        var id = TaskId.Parse("01k9zq2m9xe4q1dz5w3h7t8v0a");
        var parent = TaskId.Parse("01k9zq2m00e4q1dz5w3h7t8v0b");
        var spec = new TaskSpec
        {
            Name = "build",
            Session = "s1",
            Group = "nightly",
            Labels = ImmutableSortedDictionary<string, string>.Empty.Add("repo", "x"),
            Timeout = TimeSpan.FromMinutes(10),
            IdleTimeout = TimeSpan.FromMinutes(5),
            IdleWarning = TimeSpan.FromMinutes(1),
            Repeatable = true,
            RefuseWhenFull = true,
            Process = new()
            {
                Argv = ["make"],
                Cwd = "/w",
                Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/bin"),
                Stdin = StdinSource.Of("y"),
                Stderr = StderrMode.Separate,
                OutputVia = OutputRoute.File,
                OutputCap = 4096,
                Umask = 18,
                OpenFiles = 1024,
            },
        };
        var survivor = new Survivor(4713, 812399, "server");
        var measured = ImmutableSortedDictionary<string, long>.Empty.Add("idleMs", 1800321).Add("limitMs", 1800000);
        var record = new TaskRecord
        {
            Id = id,
            Number = 17,
            Spec = spec,
            State = TaskState.Failed,
            Version = 6,
            Attempt = 1,
            Parent = parent,
            Root = parent,
            Depth = 1,
            Limits = TaskLimits.Of(spec) with { Timeout = TimeSpan.FromMinutes(40) },
            Process = new(4711, 4712, "boot", 812345),
            Adoptions = 1,
            CreatedAt = At,
            StartedAt = At,
            EndedAt = At,
            Stop = new() { Cause = EndCause.User, Actor = new(ActorType.User, "uid 1000", "cli"), Reason = "wrong branch", RequestedAt = At, Now = true, Measured = measured },
            End = new()
            {
                State = TaskState.Failed,
                Cause = EndCause.Exit,
                Reason = "exit code 7",
                Exit = new(7, "TERM", ["TERM"]),
                Leftovers = [survivor],
                Actor = Actor.Rule("inactivity"),
                Measured = measured,
                Error = new("T", "m", "s"),
                Result = JsonSerializer.SerializeToElement(new { }),
                Evidence = ["exit record found by host h2 after host h1 was gone"],
                Resources = new(TimeSpan.FromMilliseconds(5012), TimeSpan.FromMilliseconds(40), 3100000),
            },
            Annotations = [new(At, "noted")],
        };
        host.Tasks.Set(new(record)
        {
            Queue = new(3, "kind process: 8 of 8"),
            LastActivityAt = At,
            Idle = TimeSpan.FromMilliseconds(1200),
            Output = new(35, 1, 2, 3),
            Survivors = [survivor],
        });
        Assert.Equal("""
            {"id":"01k9zq2m9xe4q1dz5w3h7t8v0a","number":17,"kind":"process","name":"build","state":"failed","attempt":1,"version":6,
            "session":"s1","parent":"01k9zq2m00e4q1dz5w3h7t8v0b","root":"01k9zq2m00e4q1dz5w3h7t8v0b","depth":1,"group":"nightly","labels":{"repo":"x"},
            "spec":{"process":{"argv":["make"],"cwd":"/w","stdin":{"text":"y"},"stderr":"separate","outputVia":"file","outputCap":4096,"outputPolicy":"stop","leftovers":"keep","stopSignal":"TERM",
            "umask":"022","openFiles":1024,"envNames":["PATH"]},"timeoutMs":600000,"idleTimeoutMs":300000,"idleWarningMs":60000,"stopGraceMs":10000,"repeatable":true,"whenFull":"refuse","envNames":["PATH"]},
            "limits":{"timeoutMs":2400000,"idleTimeoutMs":300000,"idleWarningMs":60000},
            "queue":{"position":3,"waitsFor":"kind process: 8 of 8"},"process":{"pid":4711,"commandPid":4712,"bootId":"boot","startTicks":812345},"adoptions":1,"idleMs":1200,
            "stop":{"cause":"user","actor":{"type":"user","id":"uid 1000","via":"cli"},"reason":"wrong branch","requestedAt":"2026-11-20T10:02:03.045Z","now":true,"measured":{"idleMs":1800321,"limitMs":1800000}},
            "output":{"bytes":35,"errorBytes":1,"droppedBytes":2,"lostBytes":3},
            "createdAt":"2026-11-20T10:02:03.045Z","startedAt":"2026-11-20T10:02:03.045Z","lastActivityAt":"2026-11-20T10:02:03.045Z","endedAt":"2026-11-20T10:02:03.045Z",
            "end":{"state":"failed","cause":"exit","reason":"exit code 7","exitCode":7,"signal":"TERM","leftovers":[{"pid":4713,"startTicks":812399,"command":"server"}],
            "actor":{"type":"rule","id":"inactivity"},"measured":{"idleMs":1800321,"limitMs":1800000},"error":{"type":"T","message":"m","stack":"s"},"result":{},
            "evidence":["exit record found by host h2 after host h1 was gone"],"resources":{"wallMs":5012,"cpuMs":40,"peakBytes":3100000}},
            "survivors":[{"pid":4713,"startTicks":812399,"command":"server"}],"annotations":[{"at":"2026-11-20T10:02:03.045Z","text":"noted"}]}
            """.ReplaceLineEndings(""), await host.Http.GetStringAsync($"/v1/tasks/{id}"));
    }

    [Fact]
    public async Task What_has_no_value_is_absent_and_null_is_never_written()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add(state: TaskState.Queued);
        var text = await host.Http.GetStringAsync($"/v1/tasks/{task.Id}");
        Assert.DoesNotContain("null", text);
        var fields = JsonDocument.Parse(text).RootElement.EnumerateObject().Select(f => f.Name);
        Assert.Equal(["id", "number", "kind", "name", "state", "attempt", "version", "root", "depth", "spec", "limits", "adoptions", "output", "createdAt", "annotations"], fields);
    }

    [Theory]
    [InlineData("GET", "")]
    [InlineData("GET", "?wait=10s")]
    [InlineData("GET", "/tree")]
    [InlineData("GET", "/output")]
    [InlineData("GET", "/output?follow=true")]
    [InlineData("GET", "/output/stream")]
    [InlineData("POST", "/stop")]
    [InlineData("POST", "/extend", """{"timeout": "+1h"}""")]
    public async Task Every_route_of_a_task_answers_404_and_410(string method, string route, string body = "")
    {
        await using var host = await ApiHost.StartAsync();
        var id = StoredTasks.NewId();
        Task<HttpResponseMessage> AskAsync(string name) => host.Http.SendAsync(new(new HttpMethod(method), $"/v1/tasks/{name}{route}") { Content = method == "POST" ? new StringContent(body) : null });
        foreach (var name in (string[])[id.ToString(), "17", "not-an-id", new string('a', 3000)])
        {
            using var unknown = await AskAsync(name);
            await unknown.ProblemAsync(HttpStatusCode.NotFound, ProblemTypes.NotFound);
        }
        host.Tasks.Fault = new TaskRemovedException(new(id, 17, TaskState.TimedOut, At, At.AddDays(30), "older than 30 days"));
        using var removed = await AskAsync(id.ToString());
        var problem = await removed.ProblemAsync(HttpStatusCode.Gone, ProblemTypes.Removed);
        Assert.Equal($$"""
            "id":"{{id}}","number":17,"state":"timed_out","endedAt":"2026-11-20T10:02:03.045Z","removedAt":"2026-12-20T10:02:03.045Z","reason":"older than 30 days"}
            """, problem.ToString()[problem.ToString().IndexOf("\"id\"", StringComparison.Ordinal)..]);
    }

    [Fact]
    public async Task An_ended_task_is_run_again_and_removed()
    {
        await using var host = await ApiHost.StartAsync();
        var id = host.Tasks.Add().Id;
        using var early = await host.PostAsync($"/v1/tasks/{id}/retry", "");
        Assert.Equal("running", (await early.ProblemAsync(HttpStatusCode.Conflict, ProblemTypes.NotEnded)).GetProperty("state").GetString());
        host.Tasks.End(id);

        using var response = await host.PostAsync($"/v1/tasks/{id}/retry", "{}", ("Idempotency-Key", "k"));
        var next = await response.JsonAsync();
        Assert.Equal((HttpStatusCode.Accepted, id.ToString(), $"/v1/tasks/{next.GetProperty("id").GetString()}"), (response.StatusCode, next.GetProperty("retryOf").GetString(), response.Header("Location")));
        await host.Client.RetryAsync(id.ToString());
        Assert.Equal(["k", null], host.Tasks.Retries.Select(r => r.Command.IdempotencyKey));
        using var bad = await host.PostAsync($"/v1/tasks/{id}/retry", """{"timeout": "1m"}""");
        await bad.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);

        var removed = await host.Client.RemoveAsync(id.ToString(), force: true);
        Assert.Equal((id.ToString(), "completed", "removed"), (removed.Id, removed.State, removed.Reason));
        using var plain = await host.Http.DeleteAsync($"/v1/tasks/{id}");
        Assert.Equal(HttpStatusCode.OK, plain.StatusCode);
        Assert.Equal([true, false], host.Tasks.Removals.Select(r => r.Command.Force));
    }

    [Fact]
    public async Task A_list_takes_the_time_before_which_tasks_ended()
    {
        await using var host = await ApiHost.StartAsync();
        var before = new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero).AddTicks(7);
        await host.Client.ListAsync(new() { EndedBefore = before });
        using var bare = await host.GetAsync("/v1/tasks?endedBefore=2026-11-20T12:00:00%2B02:00");
        Assert.Equal([before, before.AddTicks(-7)], host.Tasks.Queries.Select(q => q.EndedBefore));
        using var bad = await host.GetAsync("/v1/tasks?endedBefore=yesterday");
        await bad.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
    }

    [Fact]
    public async Task A_wait_answers_at_the_end_or_after_the_wait()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        Assert.Equal("running", (await host.Client.GetAsync(task.Id.ToString(), TimeSpan.FromMilliseconds(30)).Soon()).State);
        var waiting = host.Client.WaitAsync(task.Id.ToString());
        host.Tasks.End(task.Id, TaskState.Failed, 7);
        Assert.Equal(("failed", 7), ((await waiting.Soon()).State, (await waiting).End!.ExitCode));
        using var bad = await host.GetAsync($"/v1/tasks/{task.Id}?wait=long");
        await bad.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
    }

    [Fact]
    public async Task A_wait_answers_when_the_host_goes()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        // The stop is asked behind the wait on the same server: the wait is under way when its connection has been taken.
        var waiting = host.Client.GetAsync(task.Id.ToString(), TimeSpan.FromHours(1));
        await host.Client.HealthAsync();
        await host.StopAsync();
        try
        {
            Assert.Equal("running", (await waiting.Soon()).State);
        }
        catch (HostUnreachableException)
        {
            // It had not arrived when the listener closed.
        }
    }

    [Fact]
    public async Task A_long_page_is_read_in_pieces_and_is_one_page_to_the_caller()
    {
        await using var host = await ApiHost.StartAsync();
        for (var i = 0; i < 250; i++) host.Tasks.Add();
        var page = await host.Client.ListAsync(new() { Limit = 230 });
        Assert.Equal(Enumerable.Range(21, 230).Reverse().Select(n => (long)n), page.Tasks.Select(t => t.Number));
        Assert.Equal("21", page.NextCursor);
        Assert.Equal([100, 100, 30], host.Tasks.Queries.Select(q => q.Limit));
        var rest = await host.Client.ListAsync(new() { Limit = 1000, Cursor = page.NextCursor });
        Assert.Equal((20, null), (rest.Tasks.Count, rest.NextCursor));
    }

    [Fact]
    [Trait("Requirement", "V-22")]
    public async Task One_list_goes_over_all_sessions_and_every_filter_reaches_the_query()
    {
        await using var host = await ApiHost.StartAsync();
        for (var i = 0; i < 5; i++) host.Tasks.Add(StoredTasks.Spec(session: $"s{i}"));
        var first = await host.Client.ListAsync(new() { Limit = 3 });
        Assert.Equal((5L, 3L, "3"), (first.Tasks[0].Number, first.Tasks[2].Number, first.NextCursor));
        var last = await host.Client.ListAsync(new() { Limit = 3, Cursor = first.NextCursor });
        Assert.Equal([2L, 1L], last.Tasks.Select(t => t.Number));
        Assert.Null(last.NextCursor);
        var (parent, root) = (StoredTasks.NewId(), StoredTasks.NewId());
        await host.Client.ListAsync(new()
        {
            States = ["running", "timed_out"],
            Kind = "process",
            Session = "a b&c",
            Parent = parent.ToString(),
            Root = root.ToString(),
            Label = "repo=x",
            Text = "50% é",
            Cursor = "99",
            Limit = 90,
        });
        var query = host.Tasks.Queries[^1];
        Assert.Equal([TaskState.Running, TaskState.TimedOut], query.States.ToArray());
        Assert.Equal((TaskKind.Process, "a b&c", parent, root, "repo=x", "50% é", 99L, 90), (query.Kind, query.Session, query.Parent, query.Root, query.Label, query.Text, query.Before, query.Limit));
    }

    [Theory]
    [InlineData("state=banana", "state")]
    [InlineData("kind=banana", "kind")]
    [InlineData("parent=17", "parent")]
    [InlineData("root=17", "root")]
    [InlineData("cursor=x", "cursor")]
    [InlineData("cursor=0", "cursor")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("agent=reviewer", "agent")]
    [InlineData("state=", "state")]
    [InlineData("state=,", "state")]
    [InlineData("kind=", "kind")]
    [InlineData("kind=process,handler", "kind")]
    [InlineData("session=", "session")]
    [InlineData("session=%20", "session")]
    [InlineData("parent=", "parent")]
    [InlineData("root=", "root")]
    [InlineData("label=", "label")]
    [InlineData("q=", "q")]
    [InlineData("endedBefore=", "endedBefore")]
    [InlineData("cursor=", "cursor")]
    public async Task A_bad_filter_is_a_400_that_names_it(string query, string field)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.GetAsync($"/v1/tasks?{query}");
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _), problem.ToString());
        Assert.Empty(host.Tasks.Queries);
    }

    [Fact]
    public async Task A_tree_is_nested()
    {
        await using var host = await ApiHost.StartAsync();
        var (top, child, grandchild) = (host.Tasks.Add(), host.Tasks.Add(), host.Tasks.Add());
        host.Tasks.Tree = _ => new(new(top), [new(new(child), [new(new(grandchild), [])])]);
        var tree = await host.Client.TreeAsync(top.Id.ToString());
        Assert.Equal((1L, 2L, 3L), (tree.Task.Number, tree.Children.Single().Task.Number, tree.Children[0].Children.Single().Task.Number));
        Assert.Empty(tree.Children[0].Children[0].Children);
    }

    [Fact]
    public async Task A_person_may_name_a_task_by_number_or_by_the_end_of_its_id()
    {
        await using var host = await ApiHost.StartAsync();
        var tasks = Enumerable.Range(0, 3).Select(_ => host.Tasks.Add()).ToArray();
        Assert.Equal([tasks[1].Id.ToString()], await host.Client.ResolveAsync("2"));
        Assert.Equal([tasks[2].Id.ToString()], await host.Client.ResolveAsync(tasks[2].Id.ToString()[^8..]));
        using var unknown = await host.GetAsync("/v1/resolve?name=99");
        await unknown.ProblemAsync(HttpStatusCode.NotFound, ProblemTypes.NotFound);
        using var nameless = await host.GetAsync("/v1/resolve");
        await nameless.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
    }

    [Fact]
    [Trait("Requirement", "C3")]
    public async Task A_stop_answers_202_again_and_again_and_409_once_ended()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        for (var i = 0; i < 2; i++)
        {
            using var response = await host.PostAsync($"/v1/tasks/{task.Id}/stop", """{"reason": "wrong branch", "now": true}""", ("Outlast-Via", "cli"));
            var answer = await response.JsonAsync();
            Assert.Equal((HttpStatusCode.Accepted, "stopping", "wrong branch"), (response.StatusCode, answer.GetProperty("state").GetString(), answer.GetProperty("stop").GetProperty("reason").GetString()));
        }
        var command = host.Tasks.Stops[0];
        Assert.Equal((EndCause.User, ActorType.User, "cli", true), (command.Cause, command.Actor.Type, command.Actor.Via, command.Now));
        host.Tasks.Fault = new TaskEndedException(task with { State = TaskState.TimedOut });
        var problem = await Assert.ThrowsAsync<OutlastProblemException>(() => host.Client.StopAsync(task.Id.ToString()));
        Assert.Equal((409, ProblemTypes.Ended, "timed_out", task.Id.ToString()), (problem.Status, problem.Type, problem.Text("state"), problem.Text("id")));
    }

    [Theory]
    [Trait("Requirement", "S285-9")]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"reason": ""}""")]
    [InlineData("""{"reason": " \t\n"}""")]
    [InlineData("""{"reason": null, "now": false}""")]
    public async Task A_blank_reason_is_no_reason(string body)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        using var response = await host.PostAsync($"/v1/tasks/{task.Id}/stop", body);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal((null, false), (host.Tasks.Stops[0].Reason, host.Tasks.Stops[0].Now));
        Assert.False((await response.JsonAsync()).GetProperty("stop").TryGetProperty("reason", out _));
    }

    [Theory]
    [InlineData("stop", """{"reason": 1}""", "reason")]
    [InlineData("stop", """{"now": "yes"}""", "now")]
    [InlineData("stop", """{"leftovers": 1}""", "leftovers")]
    [InlineData("stop", """{"colour": 1}""", "colour")]
    [InlineData("stop", "[]", "body")]
    [InlineData("extend", "{}", "timeout")]
    [InlineData("extend", "", "timeout")]
    [InlineData("extend", """{"timeout": "banana"}""", "timeout")]
    [InlineData("extend", """{"timeout": "+banana"}""", "timeout")]
    [InlineData("extend", """{"timeout": "+0"}""", "timeout")]
    [InlineData("extend", """{"timeout": "+none"}""", "timeout")]
    [InlineData("extend", """{"timeout": "1h", "timeoutMs": 1}""", "timeout")]
    [InlineData("extend", """{"idleTimeout": 5}""", "idleTimeout")]
    [InlineData("extend", """{"idle": "1h"}""", "idle")]
    public async Task A_bad_stop_or_extension_is_a_400_that_names_the_field(string route, string body, string field)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        using var response = await host.PostAsync($"/v1/tasks/{task.Id}/{route}", body);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _), problem.ToString());
        Assert.Empty(host.Tasks.Stops);
        Assert.Empty(host.Tasks.Extends);
    }

    [Fact]
    public async Task An_extension_adds_to_what_is_left_counts_from_now_or_lifts()
    {
        await using var host = await ApiHost.StartAsync();
        var id = host.Tasks.Add().Id.ToString();
        await host.Client.ExtendAsync(id, new("+30m"));
        await host.Client.ExtendAsync(id, new("2h", "none"));
        using var response = await host.PostAsync($"/v1/tasks/{id}/extend", """{"idleTimeoutMs": 5000}""");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal([(new LimitChange(TimeSpan.FromMinutes(30), false), null), (new LimitChange(TimeSpan.FromHours(2), true), new LimitChange(null, true)), (null, new LimitChange(TimeSpan.FromSeconds(5), true))],
            host.Tasks.Extends.Select(e => (e.Timeout, e.IdleTimeout)));
    }

    [Theory]
    [InlineData("GET", "/", HttpStatusCode.NotFound, ProblemTypes.NoRoute)]
    [InlineData("GET", "/v1/nothing", HttpStatusCode.NotFound, ProblemTypes.NoRoute)]
    [InlineData("DELETE", "/v1/tasks", HttpStatusCode.MethodNotAllowed, ProblemTypes.WrongMethod)]
    [InlineData("POST", "/v1/host", HttpStatusCode.MethodNotAllowed, ProblemTypes.WrongMethod)]
    public async Task What_is_no_route_is_a_problem_too(string method, string route, HttpStatusCode status, string type)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.Http.SendAsync(new(new HttpMethod(method), route));
        await response.ProblemAsync(status, type);
    }
}
