using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Outlast.IntegrationTests.Cli;
using Outlast.IntegrationTests.Faults;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.Runners.Handlers;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Hosting;

/// <summary>Whatever door a task comes through and however it ends, there is one record of it, and everybody is told the same.</summary>
public sealed class OneRecordTests
{
    private const string Session = "s1";

    [Fact]
    [Trait("Requirement", "A14")]
    public async Task However_a_task_ends_every_view_of_it_says_the_same()
    {
        await using var folder = new OutlastFolder();
        using var http = new HostConnection(folder.Data);
        // No handler is ever lost: the next host runs it again.
        (string Kind, string State, string Cause, JsonObject What)[] ways =
        [
            ("process", "completed", "exit", Shell("exit 0")),
            ("process", "failed", "exit", Shell("exit 3")),
            ("process", "stopped", "user", Shell("exec sleep 600")),
            ("process", "timed_out", "deadline", Limited(Shell("exec sleep 600"))),
            ("process", "lost", "host_lost", Shell("exec sleep 600")),
            ("handler", "completed", "exit", Handler("give")),
            ("handler", "failed", "error", Handler("fail")),
            ("handler", "stopped", "user", Handler("hold")),
            ("handler", "timed_out", "deadline", Limited(Handler("hold"))),
        ];
        var ids = new string[ways.Length];
        string top;
        await using (await Program.StartAsync(folder))
        {
            top = await SubmitAsync(http, Shell(Until(folder, "over")));
            for (var n = 0; n < ways.Length; n++)
            {
                ways[n].What["parent"] = top;
                ids[n] = await SubmitAsync(http, ways[n].What);
            }
            await Task.WhenAll(ids.Select(async (id, n) =>
            {
                if (ways[n].State is "stopped" or "lost") await RunsAsync(http, id);
                if (ways[n].State is "stopped") await http.SendAsync(HttpMethod.Post, $"/v1/tasks/{id}/stop", new JsonObject { ["reason"] = "enough" });
                if (ways[n].State is not "lost") await http.EndAsync(id);
            }));
        }
        // Nobody is there when it dies, its shell before it: nobody will ever know how.
        var lost = ids[Array.FindIndex(ways, w => w.State == "lost")];
        KillAll(folder.Data, lost);

        await using var second = await Program.StartAsync(folder);
        await http.EndAsync(lost);
        await File.WriteAllTextAsync(folder.File("over"), "");
        await http.EndAsync(top);

        var records = new Dictionary<string, JsonNode>();
        foreach (var id in ids.Append(top)) records[id] = await http.TaskAsync(id);
        Assert.Equal(ways.Select(w => (w.Kind, w.State, w.Cause)), ids.Select(id => ((string)records[id]["kind"]!, (string)records[id]["state"]!, (string)records[id]["end"]!["cause"]!)));

        // What is the same for all looks is all that an end says: cause, reason, code, evidence, result.
        Same("the tree", Flatten((await http.GetAsync($"/v1/tasks/{top}/tree")).Json));
        Same("the list", (await http.GetAsync("/v1/tasks?limit=100")).Json["tasks"]!.AsArray());
        Same("outlast tree", Flatten(JsonNode.Parse((await folder.RunAsync("tree", top, "--json")).Output)!));
        Same("outlast ps", Lines(await folder.RunAsync("ps", "-a", "--json")));
        Same("outlast show", [await folder.ShowAsync(lost)], only: lost);
        Told("the inbox", (await http.GetAsync($"/v1/sessions/{Session}/inbox?peek=true")).Json["notices"]!.AsArray());
        Told("outlast inbox", Lines(await folder.RunAsync("inbox", "--session", Session, "--json")));
        var events = (await http.EventsAsync()).Where(e => (string?)e["type"] == "task.ended").ToDictionary(e => (string)e["task"]!, e => e["data"]!);
        Assert.All(records, r => Assert.Equal((End(r.Value, "state"), End(r.Value, "cause")), ((string?)events[r.Key]["state"], (string?)events[r.Key]["cause"])));

        void Same(string view, IEnumerable<JsonNode?> seen, string? only = null)
        {
            var byId = seen.ToDictionary(t => (string)t!["id"]!, t => t!);
            Assert.Equal(only is null ? records.Keys.Order() : [only], byId.Keys.Order());
            foreach (var (id, task) in byId)
                Assert.Equal((view, (string)records[id]["state"]!, records[id]["end"]!.ToJsonString()), (view, (string)task["state"]!, task["end"]!.ToJsonString()));
        }

        void Told(string view, IEnumerable<JsonNode?> notices)
        {
            var ends = notices.Where(n => (string?)n!["kind"] == "ended").ToList();
            Assert.Equal(records.Keys.Order(), ends.Select(n => (string)n!["task"]!).Order());
            foreach (var notice in ends)
            {
                var record = records[(string)notice!["task"]!];
                Assert.Equal((view, End(record, "state"), End(record, "cause")), (view, (string?)notice["state"], (string?)notice["cause"]));
                Assert.Contains(End(record, "reason")!, (string)notice["text"]!, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    [Trait("Requirement", "A5")]
    public async Task Whatever_door_it_came_through_it_is_on_disk_before_that_is_said_and_counted_with_the_others()
    {
        await using var folder = new OutlastFolder();
        using var http = new HostConnection(folder.Data);
        var doors = new ConcurrentDictionary<string, string>();
        await using (var first = await Program.StartAsync(folder, (door, id) => doors[door] = id))
        {
            doors["http"] = await SubmitAsync(http, Shell(Until(folder, "over")));
            doors["several over http"] = (string)(await http.SendAsync(HttpMethod.Post, "/v1/tasks", new JsonObject { ["tasks"] = new JsonArray(Shell(Until(folder, "over"))) })).Json["tasks"]![0]!["id"]!;
            await OnDiskAsync(folder, doors["http"], doors["several over http"]);
            // Its id is in the file when its own door has said so.
            var inside = folder.File("inside");
            var submits = $"{OutlastFolder.Program} run -d -- sh -c '{Until(folder, "over")}' >{inside}.new; mv {inside}.new {inside}";
            doors["command line"] = (await folder.RunAsync("run", "-d", "--session", Session, "--", "sh", "-c", $"{submits}; {Until(folder, "over")}")).Output.Trim();
            await OnDiskAsync(folder, doors["command line"]);
            await Eventually.TrueAsync(() => File.Exists(inside), "the command has submitted another");
            doors["inside a command"] = (await File.ReadAllTextAsync(inside)).Trim();
            await OnDiskAsync(folder, doors["inside a command"]);
            Assert.Equal(doors["command line"], (string?)(await http.TaskAsync(doors["inside a command"]))["parent"]);
            doors[".net"] = (await first.Services.GetRequiredService<ITaskClient>().SubmitAsync(new(
                first.Services.GetRequiredService<TaskDefaults>().OfProcess(["/bin/sh", "-c", Until(folder, "over")]), new Actor(ActorType.User, "test", ".net")))).Record.Id.ToString();
            await OnDiskAsync(folder, doors[".net"]);
            doors["handler"] = await SubmitAsync(http, Handler("parent", new JsonObject { ["Script"] = Until(folder, "over") }));
            await Eventually.TrueAsync(() => doors.ContainsKey("a handler's command") && doors.ContainsKey("a handler's handler"), "the handler has started its children");
            doors["later"] = (await folder.RunAsync("run", "-d", "--in", "1h", "--", "true")).Output.Trim();
            await OnDiskAsync(folder, doors["later"]);

            await CountedAsync(folder, http, doors);
        }
        // The same with the next host, which has started none of them.
        await using (var next = await Program.StartAsync(folder))
        {
            await CountedAsync(folder, http, doors);
            var left = await next.Services.GetRequiredService<IHostDeparture>().PrepareAsync(new(DepartureMode.Restart, new Actor(ActorType.User, "test", ".net")));
            Assert.Equal(doors.Count, left.Running + left.Queued);
        }
        await using var last = await Program.StartAsync(folder);
        await File.WriteAllTextAsync(folder.File("over"), "");
        foreach (var id in doors.Where(d => d.Key != "later").Select(d => d.Value)) Assert.Equal("completed", (string)(await http.EndAsync(id))["state"]!);
        Assert.Equal((0, 1), await LoadAsync(http));
        await http.SendAsync(HttpMethod.Post, $"/v1/tasks/{doors["later"]}/stop");
    }

    private static async Task<(int Running, int Queued)> LoadAsync(HostConnection http) => (await http.GetAsync("/v1/host")).Json is var host ? ((int)host["running"]!, (int)host["queued"]!) : default;

    private static async Task CountedAsync(OutlastFolder folder, HostConnection http, IReadOnlyDictionary<string, string> doors)
    {
        foreach (var id in doors.Where(d => d.Key != "later").Select(d => d.Value)) await RunsAsync(http, id);
        // What a host has taken over but now is counted as soon as it is followed.
        await Eventually.TrueAsync(async () => await LoadAsync(http) == (doors.Count - 1, 1), "each is counted");
        Assert.Equal(doors.Values.Order(), Lines(await folder.RunAsync("ps", "--json", "--limit", "100")).Select(t => (string)t["id"]!).Order());
        Assert.Equal(doors.Values.Order(), (await http.GetAsync("/v1/tasks?state=queued,running,waiting,stopping&limit=100")).Json["tasks"]!.AsArray().Select(t => (string)t!["id"]!).Order());
    }

    private static async Task OnDiskAsync(OutlastFolder folder, params string[] ids)
    {
        foreach (var id in ids) Assert.NotNull(await StoreFile.PeekAsync(folder.Data, id));
    }

    /// <summary>A program with a host of its own within.</summary>
    private sealed class Program(IHost host) : IAsyncDisposable
    {
        public IServiceProvider Services => host.Services;

        public static async Task<Program> StartAsync(OutlastFolder folder, Action<string, string>? came = null)
        {
            var host = Build(folder, came);
            try
            {
                await host.StartAsync();
                return new(host);
            }
            catch
            {
                host.Dispose();
                throw;
            }
        }

        /// <summary>Goes in good order: what runs goes on, or is suspended.</summary>
        public async ValueTask DisposeAsync()
        {
            await host.StopAsync();
            host.Dispose();
        }
    }

    private static IHost Build(OutlastFolder folder, Action<string, string>? came)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new() { ApplicationName = "records" });
        builder.Services.AddOutlast(o => o.Set("concurrency.total", 40).Set("concurrency.processes", 20)).UseSqlite(folder.Data.Path).AddProcesses().AddSocket()
            .AddHandler<JsonObject, string>("give", (_, _) => Task.FromResult("given"))
            .AddHandler<JsonObject>("fail", (_, _) => throw new FormatException("no address"))
            .AddHandler<JsonObject>("hold", (_, task) => Task.Delay(Timeout.Infinite, task.StopToken))
            .AddHandler<JsonObject>("parent", async (input, task) =>
            {
                var command = await task.StartProcessAsync("command", ["/bin/sh", "-c", (string)input["Script"]!]);
                await OnDiskAsync(folder, command.Id.ToString());
                var below = await task.StartHandlerAsync("handler", "below", input);
                await OnDiskAsync(folder, below.Id.ToString());
                came?.Invoke("a handler's command", command.Id.ToString());
                came?.Invoke("a handler's handler", below.Id.ToString());
                await task.WaitAllAsync([command.Id, below.Id]);
            })
            .AddHandler<JsonObject>("below", async (_, task) =>
            {
                while (!File.Exists(folder.File("over")) && Directory.Exists(folder.Data.Path)) await Task.Delay(20, task.SuspendToken);
            });
        return builder.Build();
    }

    private static JsonObject Shell(string script) => new() { ["name"] = "shell", ["session"] = Session, ["process"] = new JsonObject { ["argv"] = new JsonArray("/bin/sh", "-c", script), ["cwd"] = "/" } };

    private static JsonObject Handler(string name, JsonObject? input = null) => new() { ["name"] = name, ["session"] = Session, ["handler"] = name, ["input"] = input ?? [] };

    private static JsonObject Limited(JsonObject task)
    {
        task["timeout"] = "300ms";
        return task;
    }

    private static string Until(OutlastFolder folder, string file) => $"until [ -e {folder.File(file)} ]; do sleep 0.05; done";

    private static async Task<string> SubmitAsync(HostConnection http, JsonObject what)
    {
        var reply = await http.SendAsync(HttpMethod.Post, "/v1/tasks", what);
        return reply.Status == System.Net.HttpStatusCode.Accepted ? (string)reply.Json["id"]! : throw new InvalidOperationException($"Not accepted: {reply}");
    }

    private static Task RunsAsync(HostConnection http, string id) => Eventually.TrueAsync(
        async () => await http.TaskAsync(id) is var task && (string?)task["state"] == "running" && ((string?)task["kind"] == "handler" || task["process"] is not null), $"task {id} runs");

    /// <summary>The shell that would note its end first, which is the oldest.</summary>
    private static void KillAll(DataFolder data, string id)
    {
        while (ProcessTable.MarkedBy(data.Path).Where(p => p.TaskId == id).OrderBy(p => p.Pid).ToList() is [{ } oldest, ..])
        {
            using var process = Process.GetProcessById(oldest.Pid);
            process.Kill();
        }
    }

    private static string? End(JsonNode task, string field) => (string?)task["end"]![field];

    private static List<JsonNode> Lines(Finished ran) => [.. ran.Lines.Select(l => JsonNode.Parse(l)!)];

    private static IEnumerable<JsonNode> Flatten(JsonNode tree) => tree["children"]!.AsArray().SelectMany(c => Flatten(c!)).Prepend(tree["task"]!);
}
