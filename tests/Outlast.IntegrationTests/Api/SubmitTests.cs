using System.Net;
using System.Text;
using System.Text.Json;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class SubmitTests
{
    [Fact]
    [Trait("Requirement", "U-102")]
    public async Task An_accepted_task_answers_202_with_its_place_and_itself()
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/tasks", """{"process": {"argv": ["make", "-j2"], "cwd": "/w"}}""");
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var task = await response.JsonAsync();
        var id = task.GetProperty("id").GetString()!;
        Assert.Equal($"/v1/tasks/{id}", response.Headers.Location!.ToString());
        Assert.Equal("queued", task.GetProperty("state").GetString());
        Assert.Equal("make", task.GetProperty("name").GetString());
        Assert.Equal(id, (await host.Client.GetAsync(id)).Id);
    }

    [Fact]
    public async Task Every_field_reaches_the_spec()
    {
        await using var host = await ApiHost.StartAsync();
        var parent = host.Tasks.Add();
        using var response = await host.PostAsync("/v1/tasks", $$"""
            { "name": "build", "kind": "process", "session": "s1", "parent": "{{parent.Id}}", "labels": {"repo": "x"},
              "process": { "argv": ["make", "-j2", ""], "cwd": "/w", "env": {"CI": "1", "LANG": "de"}, "stdin": {"text": "yes\n"}, "stderr": "separate", "outputVia": "file",
                "outputCap": "10MiB", "outputPolicy": "stop", "leftovers": "keep", "stopSignal": "SIGINT", "umask": "027", "openFiles": 2048 },
              "timeout": "10m", "idleTimeout": "PT5M", "idleWarningMs": 60000, "stopGrace": "3s", "repeatable": true, "whenFull": "refuse" }
            """, ("Idempotency-Key", "build-4711"), ("Outlast-Via", "cli"));
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var submission = Assert.Single(host.Tasks.Submissions);
        Assert.Equal((parent.Id, "build-4711", 64), (submission.Parent, submission.IdempotencyKey, submission.BodyHash!.Length));
        Assert.Equal((ActorType.User, "cli"), (submission.Actor.Type, submission.Actor.Via));
        var spec = submission.Spec;
        Assert.Equal(("build", "s1", "x", true, true), (spec.Name, spec.Session, spec.Labels["repo"], spec.Repeatable, spec.RefuseWhenFull));
        Assert.Equal((TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(3)), (spec.Timeout, spec.IdleTimeout, spec.IdleWarning, spec.StopGrace));
        var process = spec.Process!;
        Assert.Equal(["make", "-j2", ""], process.Argv.ToArray());
        Assert.Equal(("/w", StdinSource.Of("yes\n"), StderrMode.Separate, OutputRoute.File), (process.Cwd, process.Stdin, process.Stderr, process.OutputVia));
        Assert.Equal((10L << 20, OutputPolicy.Stop, LeftoverPolicy.Keep, "INT", Convert.ToInt32("027", 8), 2048L),
            (process.OutputCap, process.OutputPolicy, process.Leftovers, process.StopSignal, process.Umask, process.OpenFiles));
        Assert.Equal(ApiHost.Environment.SetItem("CI", "1").SetItem("LANG", "de"), process.Environment);
    }

    [Fact]
    public async Task When_and_how_often_reach_the_spec_and_can_be_posted_again()
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/tasks",
            """{"process": {"argv": ["a"]}, "at": "2126-11-27T08:00:00+01:00", "startBy": "1h", "priority": -7, "retry": {"max": 3, "backoff": "5s", "on": ["lost", "failed"]}}""");
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var spec = Assert.Single(host.Tasks.Submissions).Spec;
        var at = new DateTimeOffset(2126, 11, 27, 7, 0, 0, TimeSpan.Zero);
        Assert.Equal((at, at.AddHours(1), -7), (spec.NotBefore, spec.StartBy, spec.Priority));
        Assert.Equal(new RetryPolicy(3, TimeSpan.FromSeconds(5), RetryOn.Failed | RetryOn.Lost), spec.Retry);

        var read = (await response.JsonAsync()).GetProperty("spec");
        Assert.Equal("""{"max":3,"backoffMs":5000,"on":["failed","lost"]}""", read.GetProperty("retry").GetRawText());
        Assert.Equal(("2126-11-27T07:00:00.000Z", "2126-11-27T08:00:00.000Z"), (read.GetProperty("at").GetString(), read.GetProperty("startBy").GetString()));
        using var again = await host.PostAsync("/v1/tasks", read.GetRawText());
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        var repeated = host.Tasks.Submissions.Last().Spec;
        Assert.Equal((spec.NotBefore, spec.StartBy, spec.Priority, spec.Retry), (repeated.NotBefore, repeated.StartBy, repeated.Priority, repeated.Retry));

        using var bare = await host.PostAsync("/v1/tasks", """{"process": {"argv": ["a"]}, "inMs": 60000, "startByMs": 60000, "retry": {"max": 1}}""");
        var later = host.Tasks.Submissions.Last().Spec;
        Assert.Equal(TimeSpan.FromMinutes(1), later.StartBy - later.NotBefore);
        Assert.Equal(new RetryPolicy(1, TimeSpan.FromSeconds(1), RetryOn.Failed), later.Retry);
    }

    [Fact]
    public async Task A_batch_answers_202_with_its_tasks_in_order()
    {
        await using var host = await ApiHost.StartAsync();
        var parent = host.Tasks.Add();
        using var response = await host.PostAsync("/v1/tasks", $$"""
            { "tasks": [ {"process": {"argv": ["make"]} }, {"name": "second", "parent": "{{parent.Id}}", "process": {"argv": ["a"]}, "timeout": "1m"}, {"process": {"shell": "b"}, "whenFull": "refuse"} ] }
            """, ("Idempotency-Key", "build-4711"), ("Outlast-Via", "cli"));
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var tasks = (await response.JsonAsync()).GetProperty("tasks").EnumerateArray().ToList();
        Assert.Equal(["make", "second", "sh"], tasks.Select(t => t.GetProperty("name").GetString()));
        var batch = Assert.Single(host.Tasks.Batches);
        Assert.Equal(("build-4711", 64), (batch.IdempotencyKey, batch.BodyHash!.Length));
        Assert.Equal([null, parent.Id, null], batch.Tasks.Select(t => t.Parent));
        Assert.Equal((TimeSpan.FromMinutes(1), true, "cli"), (batch.Tasks[1].Spec.Timeout, batch.Tasks[2].Spec.RefuseWhenFull, batch.Tasks[0].Actor.Via));
        var request = new SubmitRequest { Name = "one", Process = new() { Argv = ["x"] } };
        var more = await host.Client.SubmitManyAsync([request, request with { Name = "two" }]);
        Assert.Equal(["one", "two"], more.Select(t => t.Name));
    }

    [Fact]
    public async Task Every_bad_field_of_a_batch_is_named_with_its_place()
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/tasks", """
            { "tasks": [ {"process": {"argv": ["a"]}}, {"process": {"argv": []}}, 7, {"process": {"argv": ["a"], "cwd": "w"}, "timeout": "soon"}, {"colour": "red"} ], "session": "s" }
            """);
        var errors = (await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid)).GetProperty("errors").EnumerateObject().Select(e => e.Name);
        Assert.Equal(["session", "tasks[1].process.argv", "tasks[2]", "tasks[3].process.cwd", "tasks[3].timeout", "tasks[4].colour", "tasks[4].process"], errors);
        Assert.Empty(host.Tasks.Batches);
    }

    [Theory]
    [InlineData("[]", "has 0; 1 to 1000 are expected")]
    [InlineData("{}", "must be a list of objects")]
    [InlineData(null, "has 1001; 1 to 1000 are expected")]
    public async Task A_batch_has_1_to_1000_tasks(string? tasks, string complaint)
    {
        await using var host = await ApiHost.StartAsync();
        tasks ??= "[" + string.Join(',', Enumerable.Repeat("{\"process\": {\"argv\": [\"a\"]}}", 1001)) + "]";
        using var response = await host.PostAsync("/v1/tasks", "{ \"tasks\": " + tasks + " }");
        Assert.Equal(complaint, (await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid)).GetProperty("errors").GetProperty("tasks")[0].GetString());
    }

    [Fact]
    public async Task Defaults_are_resolved_at_the_door()
    {
        await using var host = await ApiHost.StartAsync(defaults: new() { ProcessTimeout = TimeSpan.FromHours(1), ProcessIdleTimeout = TimeSpan.FromMinutes(20), ProcessStopGrace = TimeSpan.FromSeconds(4) });
        using var response = await host.PostAsync("/v1/tasks", """{"process": {"shell": "echo $HOME"}}""", ("Outlast-Via", "something else"));
        var submission = Assert.Single(host.Tasks.Submissions);
        var spec = submission.Spec;
        Assert.Equal(("http", (string?)null, (string?)null), (submission.Actor.Via, submission.IdempotencyKey, submission.BodyHash));
        Assert.Equal((TimeSpan.FromHours(1), TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(4)), (spec.Timeout, spec.IdleTimeout, spec.IdleWarning, spec.StopGrace));
        Assert.Equal(["/bin/sh", "-c", "echo $HOME"], spec.Process!.Argv.ToArray());
        Assert.Equal(("sh", "/", StdinSource.None, StderrMode.Merge, OutputRoute.Pipe), (spec.Name, spec.Process.Cwd, spec.Process.Stdin, spec.Process.Stderr, spec.Process.OutputVia));
        Assert.Equal(("TERM", null, null), (spec.Process.StopSignal, (int?)spec.Process.Umask, (long?)spec.Process.OpenFiles));
        Assert.Equal((1L << 30, OutputPolicy.KeepEnds), (spec.Process.OutputCap, spec.Process.OutputPolicy));
        Assert.Equal(ApiHost.Environment, spec.Process.Environment);
    }

    [Theory]
    [Trait("Requirement", "B4")]
    [InlineData("\"timeout\": \"none\"")]
    [InlineData("\"timeout\": \"0\"")]
    [InlineData("\"timeout\": 0")]
    [InlineData("\"timeoutMs\": 0")]
    [InlineData("\"timeout\": \"0s\"")]
    public async Task A_limit_of_none_or_0_is_no_limit_and_leaves_the_warning(string timeout)
    {
        await using var host = await ApiHost.StartAsync(defaults: new() { ProcessTimeout = TimeSpan.FromHours(1) });
        using var response = await host.PostAsync("/v1/tasks", $$"""{ {{timeout}}, "idleTimeout": "none", "idleWarning": "5m", "process": {"argv": ["a"]} }""");
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var spec = Assert.Single(host.Tasks.Submissions).Spec;
        Assert.Equal((null, null, TimeSpan.FromMinutes(5)), (spec.Timeout, spec.IdleTimeout, spec.IdleWarning));
        Assert.False((await response.JsonAsync()).GetProperty("spec").TryGetProperty("timeoutMs", out _));
    }

    public static TheoryData<string, string, string> BadBodies => new()
    {
        { """{"process": {"argv": ["a"]}, "timeout": "banana"}""", "timeout", "'banana' is no duration; write 90s, 10m or PT10M" },
        { """{"process": {"argv": []}}""", "process.argv", "needs at least a program" },
        { """{"process": {}}""", "process.argv", "needs at least a program" },
        { """{"process": {"argv": [""]}}""", "process.argv[0]", "no name" },
        { """{"process": {"argv": "make"}}""", "process.argv", "list of texts" },
        { """{"process": {"argv": ["a", 1]}}""", "process.argv[1]", "text" },
        { """{"process": {"argv": ["a", "b\u0000c"]}}""", "process.argv[1]", "NUL" },
        { """{"process": {"argv": ["a\ud800"]}}""", "process.argv[0]", "surrogate" },
        { """{"process": {"argv": ["a"], "\ud800": 1}}""", "process", "surrogate" },
        { """{"process": {"argv": ["a"], "shell": "b"}}""", "process.shell", "as well as" },
        { """{"process": {"shell": " "}}""", "process.shell", "empty" },
        { """{"process": {"shell": "a\u0000"}}""", "process.shell", "NUL" },
        { """{"process": {"argv": ["a"], "cwd": "relative"}}""", "process.cwd", "absolute" },
        { """{"process": {"argv": ["a"], "cwd": "/a\u0000"}}""", "process.cwd", "NUL" },
        { """{"process": {"argv": ["a"], "env": {"A=B": "1"}}}""", "process.env", "name of a variable" },
        { """{"process": {"argv": ["a"], "env": {"": "1"}}}""", "process.env", "name of a variable" },
        { """{"process": {"argv": ["a"], "env": {"A": 1}}}""", "process.env.A", "text" },
        { """{"process": {"argv": ["a"], "env": {"A": "\u0000"}}}""", "process.env.A", "NUL" },
        { """{"process": {"argv": ["a"], "env": ["A=1"]}}""", "process.env", "object" },
        { """{"process": {"argv": ["a"], "env": {"A": "1"}, "envExact": {}}}""", "process.envExact", "whole environment" },
        { """{"process": {"argv": ["a"], "envNames": ["PATH", "NOT_HERE"]}}""", "process.envNames[1]", "NOT_HERE" },
        { """{"process": {"argv": ["a"], "envNames": ["PATH"]}, "envNames": ["LANG"]}""", "process.envNames", "differs" },
        { """{"process": {"argv": ["a"], "stdin": "banana"}}""", "process.stdin", "banana" },
        { """{"process": {"argv": ["a"], "stdin": {}}}""", "process.stdin.text", "missing" },
        { """{"process": {"argv": ["a"], "stdin": {"text": 1}}}""", "process.stdin.text", "text" },
        { """{"process": {"argv": ["a"], "stdin": 7}}""", "process.stdin", "text" },
        { """{"process": {"argv": ["a"], "stderr": "both"}}""", "process.stderr", "merge, separate" },
        { """{"process": {"argv": ["a"], "outputVia": "tty"}}""", "process.outputVia", "tty" },
        { """{"process": {"argv": ["a"], "outputPolicy": "keep_ends"}}""", "process.outputPolicy", "not one of" },
        { """{"process": {"argv": ["a"], "outputCap": "10 apples"}}""", "process.outputCap", "no size" },
        { """{"process": {"argv": ["a"], "outputCap": "99999999999TiB"}}""", "process.outputCap", "no size" },
        { """{"process": {"argv": ["a"], "outputCap": -1}}""", "process.outputCap", "whole number" },
        { """{"process": {"argv": ["a"], "stopSignal": "STOP"}}""", "process.stopSignal", "STOP" },
        { """{"process": {"argv": ["a"], "umask": "9"}}""", "process.umask", "octal" },
        { """{"process": {"argv": ["a"], "umask": 18}}""", "process.umask", "text" },
        { """{"process": {"argv": ["a"], "openFiles": 0}}""", "process.openFiles", "whole number" },
        { """{"process": {"argv": ["a"], "openFiles": 1.5}}""", "process.openFiles", "whole number" },
        { """{"process": {"argv": ["a"], "colour": 1}}""", "process.colour", "not known" },
        { """{"process": "make"}""", "process", "object" },
        { """{}""", "process", "needed" },
        { "", "process", "needed" },
        { """{"agent": "reviewer"}""", "agent", "not supported yet" },
        { """{"handler": "h", "process": {"argv": ["a"]}}""", "handler", "is given as well as process; give one of them" },
        { """{"handler": " "}""", "handler", "has no name" },
        { """{"handler": "h", "kind": "process"}""", "kind", "does not agree: 'process' is not what is to be run" },
        { """{"process": {"argv": ["a"]}, "input": 1}""", "input", "goes with a handler" },
        { """{"process": {"argv": ["a"]}, "retry": {}}""", "retry.max", "is missing" },
        { """{"process": {"argv": ["a"]}, "retry": {"max": 0}}""", "retry.max", "from 1 to 1000" },
        { """{"process": {"argv": ["a"]}, "retry": {"max": 1, "on": ["stopped"]}}""", "retry.on[0]", "'stopped' is not one of" },
        { """{"process": {"argv": ["a"]}, "retry": {"max": 1, "on": []}}""", "retry.on", "names no end" },
        { """{"process": {"argv": ["a"]}, "at": "2026-11-27T08:00:00"}""", "at", "is no time; write" },
        { """{"process": {"argv": ["a"]}, "at": "2126-11-27T08:00:00Z", "in": "5m"}""", "at", "is given as well as in" },
        { """{"process": {"argv": ["a"]}, "in": "soon"}""", "in", "is no duration" },
        { """{"process": {"argv": ["a"]}, "at": "9999-12-31T23:59:59Z", "startBy": "10m"}""", "at", "too far away" },
        { """{"handler": "h", "envNames": ["A"]}""", "envNames", "goes with a process" },
        { """{"process": {"argv": ["a"]}, "labels": {" ": "1"}}""", "labels", "cannot be the key" },
        { """{"process": {"argv": ["a"]}, "session": ".."}""", "session", "is no name" },
        { """{"process": {"argv": ["a"]}, "startBy": "soon"}""", "startBy", "is no time and no length of time" },
        { """{"process": {"argv": ["a"]}, "startByMs": 0}""", "startBy", "more than nothing" },
        { """{"process": {"argv": ["a"]}, "at": "2126-11-27T08:00:00Z", "startBy": "2126-11-27T07:00:00Z"}""", "startBy", "must be later than" },
        { """{"process": {"argv": ["a"]}, "priority": 101}""", "priority", "from -100 to 100" },
        { """{"process": {"argv": ["a"]}, "detached": "yes"}""", "detached", "must be true or false" },
        { """{"process": {"argv": ["a"]}, "children": "kill"}""", "children", "'kill' is not one of" },
        { """{"process": {"argv": ["a"]}, "budget": {"wall": "banana"}}""", "budget.wall", "is no duration" },
        { """{"process": {"argv": ["a"]}, "budget": {"outputBytes": "1 GB"}}""", "budget.outputBytes", "is no size" },
        { """{"process": {"argv": ["a"]}, "budget": {"tasks": -1}}""", "budget.tasks", "must be a whole number from 0 to 1000000" },
        { """{"process": {"argv": ["a"]}, "budget": {"tokens": 5}}""", "budget.tokens", "is not known" },
        { """{"process": {"argv": ["a"]}, "session": 1}""", "session", "text" },
        { """{"process": {"argv": ["a"]}, "session": "s", "group": "two\nlines"}""", "group", "one line" },
        { """{"process": {"argv": ["a"]}, "session": "s", "notify": true}""", "notify", "text" },
        { """{"process": {"argv": ["a"]}, "session": "s", "notify": "never"}""", "notify", "'never' is not one of" },
        { """{"process": {"argv": ["a"]}, "notify": "each"}""", "notify", "needs a session" },
        { """{"process": {"argv": ["a"]}, "session": "s", "notify": "last"}""", "notify", "needs a group" },
        { """{"process": {"argv": ["a"]}, "colour": 1}""", "colour", "not known" },
        { """{"process": {"argv": ["a"]}, "kind": "agent"}""", "kind", "agree" },
        { """{"process": {"argv": ["a"]}, "kind": "banana"}""", "kind", "banana" },
        { """{"process": {"argv": ["a"]}, "name": "two\nlines"}""", "name", "one line" },
        { """{"process": {"argv": ["a"]}, "name": 1}""", "name", "text" },
        { """{"process": {"argv": ["a"]}, "labels": {"a": 1}}""", "labels.a", "text" },
        { """{"process": {"argv": ["a"]}, "labels": {"a=b": "1"}}""", "labels", "a=b" },
        { """{"process": {"argv": ["a"]}, "labels": []}""", "labels", "object" },
        { """{"process": {"argv": ["a"]}, "parent": "17"}""", "parent", "whole task id" },
        { """{"process": {"argv": ["a"]}, "timeout": "1m", "timeoutMs": 1}""", "timeout", "as well as" },
        { """{"process": {"argv": ["a"]}, "timeout": 90}""", "timeout", "text" },
        { """{"process": {"argv": ["a"]}, "timeout": "90"}""", "timeout", "no duration" },
        { """{"process": {"argv": ["a"]}, "timeout": "-5s"}""", "timeout", "no duration" },
        { """{"process": {"argv": ["a"]}, "timeoutMs": -1}""", "timeoutMs", "whole number" },
        { """{"process": {"argv": ["a"]}, "timeoutMs": 1.5}""", "timeoutMs", "whole number" },
        { """{"process": {"argv": ["a"]}, "timeoutMs": 1e300}""", "timeoutMs", "whole number" },
        { """{"process": {"argv": ["a"]}, "timeoutMs": "1"}""", "timeoutMs", "number" },
        { """{"process": {"argv": ["a"]}, "timeout": "99999999999999999999d"}""", "timeout", "no duration" },
        { """{"process": {"argv": ["a"]}, "idleTimeout": "1m", "idleWarning": "2m"}""", "idleWarning", "shorter than idleTimeout" },
        { """{"process": {"argv": ["a"]}, "repeatable": "yes"}""", "repeatable", "true or false" },
        { """{"process": {"argv": ["a"]}, "whenFull": "panic"}""", "whenFull", "queue, refuse" },
        { """{"process": {"argv": ["a"]}, "name": "a", "name": "b"}""", "name", "twice" },
        { """{"process": {"argv": ["a"], "cwd": "/", "cwd": "/tmp"}}""", "process.cwd", "twice" },
        { """{"process": {"argv": ["a"], "env": {"A": "1", "A": "2"}}}""", "process.env.A", "twice" },
        { "[1]", "body", "object" },
        { "\"text\"", "body", "object" },
        { "null", "body", "object" },
        { "{", "body", "JSON" },
        { "{\"a\":1} trailing", "body", "JSON" },
        { new string('[', 5000) + new string(']', 5000), "body", "depth" },
        { "{\"process\":" + string.Concat(Enumerable.Repeat("{\"a\":", 30)) + "1" + new string('}', 31), "body", "depth" },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task Bad_input_is_a_400_that_names_the_field(string body, string field, string says)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/tasks", body);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out var texts), problem.ToString());
        Assert.Contains(says, texts.ToString());
        Assert.Empty(host.Tasks.Submissions);
    }

    [Fact]
    public async Task All_bad_fields_are_named_at_once()
    {
        await using var host = await ApiHost.StartAsync();
        var request = new SubmitRequest { Timeout = "banana", StopGrace = "soon", Process = new() { Argv = [], Cwd = "here", Umask = "8" } };
        var problem = await Assert.ThrowsAsync<OutlastProblemException>(() => host.Client.SubmitAsync(request));
        Assert.Equal((ProblemTypes.Invalid, 400, "The task cannot be accepted"), (problem.Type, problem.Status, problem.Title));
        Assert.Equal(["process.argv", "process.cwd", "process.umask", "stopGrace", "timeout"], problem.Errors.Keys.Order());
    }

    [Fact]
    public async Task Bytes_that_are_no_UTF8_are_a_400()
    {
        await using var host = await ApiHost.StartAsync();
        using var content = new ByteArrayContent([.. "{\"process\":{\"argv\":[\""u8, 0xC3, 0x28, .. "\"]}}"u8]);
        using var response = await host.Http.PostAsync("/v1/tasks", content);
        await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_over_4_MiB_is_a_413_whether_or_not_its_length_is_announced(bool chunked)
    {
        await using var host = await ApiHost.StartAsync();
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/tasks") { Content = new ByteArrayContent(new byte[(4 << 20) + 1]) };
        request.Headers.TransferEncodingChunked = chunked;
        using var response = await host.Http.SendAsync(request);
        var problem = await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, ProblemTypes.TooLarge);
        Assert.Equal(4 << 20, problem.GetProperty("maxBytes").GetInt32());
    }

    [Fact]
    public async Task The_same_body_in_another_spelling_has_the_same_hash()
    {
        await using var host = await ApiHost.StartAsync();
        string[] bodies =
        [
            """{"process":{"argv":["a"],"cwd":"/"},"timeout":"1m"}""", """ { "timeout" : "1m", "process": { "cwd": "\u002f", "argv": [ "a" ] } } """,
            """{"process":{"argv":["b"],"cwd":"/"},"timeout":"1m"}""",
        ];
        foreach (var body in bodies) (await host.PostAsync("/v1/tasks", body, ("Idempotency-Key", "k"))).Dispose();
        var hashes = host.Tasks.Submissions.Select(s => s.BodyHash).ToArray();
        Assert.Equal(hashes[0], hashes[1]);
        Assert.NotEqual(hashes[0], hashes[2]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(201)]
    public async Task An_idempotency_key_has_1_to_200_characters(int length)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/tasks", """{"process":{"argv":["a"]}}""", ("Idempotency-Key", new string('x', length)));
        Assert.True((await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid)).GetProperty("errors").TryGetProperty("Idempotency-Key", out _));
    }

    [Theory]
    [InlineData("4096", "stop")]
    [InlineData("4096", "tail")]
    [InlineData("4096", "keep-ends")]
    [InlineData("\"none\"", "tail")]
    public async Task A_spec_as_it_is_read_can_be_posted_again(string cap, string policy)
    {
        await using var host = await ApiHost.StartAsync(defaults: new() { OutputCap = 1, OutputPolicy = OutputPolicy.Tail });
        using var first = await host.PostAsync("/v1/tasks", $$"""
            { "process": { "argv": ["make"], "cwd": "/w", "stdin": {"text": "é\u0000"}, "stderr": "separate", "outputVia": "file", "outputCap": {{cap}}, "outputPolicy": "{{policy}}", "stopSignal": "USR1", "umask": "77", "openFiles": 64 },
              "timeout": "10m", "idleTimeout": "5m", "stopGrace": "0", "repeatable": true, "whenFull": "refuse" }
            """);
        Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);
        using var second = await host.PostAsync("/v1/tasks", (await first.JsonAsync()).GetProperty("spec").GetRawText());
        Assert.Equal(HttpStatusCode.Accepted, second.StatusCode);
        var (before, after) = (host.Tasks.Submissions[0].Spec, host.Tasks.Submissions[1].Spec);
        Assert.Equal(before.Process!.Argv.ToArray(), after.Process!.Argv.ToArray());
        Assert.Equal(before.Process.Environment, after.Process.Environment);
        var argv = before.Process.Argv;
        var environment = before.Process.Environment;
        Assert.Equal(before with { Process = before.Process with { Argv = argv, Environment = environment } }, after with { Labels = before.Labels, Process = after.Process with { Argv = argv, Environment = environment } });
    }

    [Fact]
    public async Task Names_choose_from_the_hosts_own_environment_and_env_adds()
    {
        await using var host = await ApiHost.StartAsync();
        (await host.PostAsync("/v1/tasks", """{"process": {"argv": ["a"], "envNames": ["PATH"], "env": {"A": "1"}}}""")).Dispose();
        (await host.PostAsync("/v1/tasks", """{"process": {"argv": ["a"], "envExact": {"B": "2"}}}""")).Dispose();
        Assert.Equal([("A", "1"), ("PATH", "/usr/bin:/bin")], host.Tasks.Submissions[0].Spec.Process!.Environment.Select(v => (v.Key, v.Value)));
        Assert.Equal([("B", "2")], host.Tasks.Submissions[1].Spec.Process!.Environment.Select(v => (v.Key, v.Value)));
    }

    [Fact]
    public async Task No_value_of_an_environment_is_readable_anywhere()
    {
        await using var host = await ApiHost.StartAsync();
        const string Secret = "correct-horse-battery";
        var request = new SubmitRequest { Process = new() { Argv = ["a"], Env = new Dictionary<string, string> { ["TOKEN"] = Secret } } };
        var task = await host.Client.SubmitAsync(request);
        host.Tasks.Happen(TaskEventType.Submitted, TaskId.Parse(task.Id));
        var told = new StringBuilder(JsonSerializer.Serialize(task, OutlastJson.Wire.TaskView));
        foreach (var route in (string[])[$"/v1/tasks/{task.Id}", "/v1/tasks", $"/v1/tasks/{task.Id}/tree", "/v1/events", "/v1/host", "/v1/doctor"]) told.Append(await host.Http.GetStringAsync(route));
        using var refused = await host.PostAsync("/v1/tasks", """{"process": {"argv": ["a"], "env": {"TOKEN": "SECRET\u0000"}}}""".Replace("SECRET", Secret));
        told.Append(await refused.Content.ReadAsStringAsync());
        told.AppendJoin('\n', host.Log.Lines);
        Assert.DoesNotContain(Secret, told.ToString());
        Assert.DoesNotContain("hush-hush-hush", told.ToString());
        Assert.Contains("TOKEN", task.Spec.Process!.EnvNames);
        Assert.Equal(task.Spec.Process.EnvNames, task.Spec.EnvNames);
    }

    public static TheoryData<Exception, HttpStatusCode, string, string> Refusals
    {
        get
        {
            var record = StoredTasks.Queued() with { Number = 17, State = TaskState.Stopping };
            return new()
            {
                { new FullException("kind process", 8, 8), HttpStatusCode.TooManyRequests, ProblemTypes.Full, "\"limit\":\"kind process\",\"running\":8,\"max\":8" },
                { new IdempotencyMismatchException("k", record.Id), HttpStatusCode.Conflict, ProblemTypes.IdempotencyMismatch, $"\"id\":\"{record.Id}\"" },
                { new ParentEndedException(record), HttpStatusCode.Conflict, ProblemTypes.ParentEnded, $"\"parent\":\"{record.Id}\",\"state\":\"stopping\"" },
                { new StoreUnavailableException("disk full: 0 bytes left"), HttpStatusCode.ServiceUnavailable, ProblemTypes.StoreUnavailable, "\"detail\":\"disk full: 0 bytes left\"" },
                { new DrainingException(), HttpStatusCode.ServiceUnavailable, ProblemTypes.Draining, "detail" },
                { new TaskNotFoundException("p"), HttpStatusCode.NotFound, ProblemTypes.NotFound, "detail" },
                { new InvalidTaskException(new Dictionary<string, string[]> { ["kind"] = ["no runner"] }), HttpStatusCode.BadRequest, ProblemTypes.Invalid, "\"errors\":{\"kind\":[\"no runner\"]}" },
                { new InvalidOperationException("a bug with a password in it"), HttpStatusCode.InternalServerError, ProblemTypes.Internal, "\"detail\":\"Its log says why.\"" },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task What_the_runtime_refuses_is_a_problem_with_its_facts(Exception fault, HttpStatusCode status, string type, string says)
    {
        await using var host = await ApiHost.StartAsync();
        host.Tasks.Fault = fault;
        using var response = await host.PostAsync("/v1/tasks", """{"process":{"argv":["a"]}}""");
        await response.ProblemAsync(status, type);
        Assert.Contains(says, await response.Content.ReadAsStringAsync());
        Assert.Equal(status == HttpStatusCode.InternalServerError, host.Log.Lines.Any(l => l.Contains("a bug", StringComparison.Ordinal)));
    }
}
