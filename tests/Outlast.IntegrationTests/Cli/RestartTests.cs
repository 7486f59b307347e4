using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>The host is replaced in its process.</summary>
public sealed class RestartTests
{
    [Fact]
    [Trait("Requirement", "U-24")]
    [Trait("Requirement", "V-35")]
    [Trait("Requirement", "A6")]
    public async Task Over_twenty_restarts_a_command_loses_no_line_and_the_host_gathers_no_dead()
    {
        const int restarts = 20;
        await using var folder = new OutlastFolder();
        var script = $"i=1; while [ ! -e {folder.File("enough")} ]; do echo $i; i=$((i+1)); sleep 0.01; done; exit 3";
        var id = (await folder.RunAsync("run", "-d", "--", "sh", "-c", script)).Output.Trim();
        await Eventually.TrueAsync(async () => (await folder.ShowAsync(id))["process"] is not null, "it runs");
        var (pid, started) = (folder.HostPid, await folder.ShowAsync(id));
        using var follower = folder.Start(OutlastFolder.Program, "logs", "-f", id);

        for (var n = 1; n <= restarts; n++)
        {
            var restarted = await folder.RunAsync("restart");
            Assert.Equal((0, ""), (restarted.Code, restarted.Error));
            Assert.StartsWith($"host h{n + 1} serves", restarted.Output, StringComparison.Ordinal);
            // One that ends now and then, so that there is something to bury.
            if (n % 5 == 0) Assert.Equal(7, (await folder.RunAsync("run", "--", "sh", "-c", "exit 7")).Code);
        }

        Assert.Equal(pid, folder.HostPid);
        var task = await folder.ShowAsync(id);
        Assert.Equal(((string)started["state"]!, (int)started["process"]!["pid"]!, 1, restarts), ((string)task["state"]!, (int)task["process"]!["pid"]!, (int)task["attempt"]!, (int)task["adoptions"]!));
        await File.WriteAllTextAsync(folder.File("enough"), "");
        Assert.Equal(3, (await folder.RunAsync("wait", id)).Code);
        await Eventually.TrueAsync(() => ChildrenOf(pid).Length == 0, "every child of the host is buried");
        var followed = (await follower.EndAsync()).Lines;
        Assert.True(followed.Length > restarts);
        Assert.Equal(Enumerable.Range(1, followed.Length).Select(n => n.ToString(CultureInfo.InvariantCulture)), followed);
        Assert.Equal(followed, (await folder.RunAsync("logs", id)).Lines);
    }

    [Fact]
    [Trait("Requirement", "V-35")]
    public async Task A_program_that_cannot_serve_leaves_the_host_serving_and_says_why()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "true");
        var epoch = Epoch(folder);
        await File.WriteAllTextAsync(folder.Data.Settings, """{ "process.timeout": "banana" }""");

        var refused = await folder.RunAsync("restart");

        Assert.Equal(5, refused.Code);
        Assert.Contains("cannot follow: ", refused.Error, StringComparison.Ordinal);
        Assert.Contains("process.timeout (outlast.json): 'banana'", refused.Error, StringComparison.Ordinal);
        Assert.Equal(epoch, Epoch(folder));
        Assert.Equal(0, (await folder.RunAsync("run", "--", "true")).Code);
        foreach (var program in (string[])["/bin/true", "/bin/false", "/nonexistent/outlast"])
        {
            var (status, answer) = await AskAsync(folder, new() { ["program"] = new JsonArray(program) });
            Assert.Equal((409, "urn:outlast:restart-refused"), (status, (string)answer["type"]!));
            Assert.Contains($"'{program}' cannot follow", (string)answer["detail"]!, StringComparison.Ordinal);
        }
        Assert.DoesNotContain(await EventsAsync(folder), e => (string)e["type"]! == "host.draining");
        File.Delete(folder.Data.Settings);
    }

    [Fact]
    [Trait("Requirement", "V-08")]
    public async Task After_a_restart_changed_settings_are_in_force()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "true");
        await File.WriteAllTextAsync(folder.Data.Settings, """{ "process.timeout": "17m" }""");

        await folder.RunAsync("restart");

        Assert.Contains("process.timeout\t17m\toutlast.json", (await folder.RunAsync("doctor")).Lines);
    }

    /// <summary>What a program does that passes the check and fails all the same.</summary>
    public static TheoryData<string, string> Failures => new()
    {
        { "shift; exec \"$WORKER\" serve --at host_started --throw -- \"$@\"", "as asked" },
        { "", "cannot be executed" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    [Trait("Requirement", "V-35")]
    [Trait("Requirement", "V-36")]
    public async Task A_program_that_fails_after_all_gives_the_process_back(string whenItServes, string reason)
    {
        await using var folder = new OutlastFolder(("WORKER", Path.Combine(AppContext.BaseDirectory, "Outlast.FaultWorker")));
        var id = (await folder.RunAsync("run", "-d", "--", "sh", "-c", $"while [ ! -e {folder.File("go")} ]; do sleep 0.02; done; exit 4")).Output.Trim();
        var (pid, epoch) = (folder.HostPid, Epoch(folder));
        var liar = folder.File("liar");
        // Without anything to do it is gone when it is to be executed.
        await File.WriteAllTextAsync(liar, $"#!/bin/sh\ncase \"$*\" in *--check*) echo ok 9.9.9; {(whenItServes.Length == 0 ? "rm \"$0\"; " : "")}exit; esac\n{whenItServes}\n");
        File.SetUnixFileMode(liar, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        var (status, answer) = await AskAsync(folder, new() { ["program"] = new JsonArray(liar) });

        Assert.Equal((202, "9.9.9"), (status, (string)answer["nextVersion"]!));
        await Eventually.TrueAsync(() => Epoch(folder) > epoch, "a host serves again");
        Assert.Equal(pid, folder.HostPid);
        Assert.Contains(reason, (string)HostFile(folder)["restartFailed"]!, StringComparison.Ordinal);
        var started = (await EventsAsync(folder)).Last(e => (string)e["type"]! == "host.started");
        Assert.Contains(reason, (string)started["data"]!["restartFailed"]!, StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder.File("go"), "");
        Assert.Equal(4, (await folder.RunAsync("wait", id)).Code);
        Assert.Equal(0, (await folder.RunAsync("restart")).Code);
        Assert.Null(HostFile(folder)["restartFailed"]);
        Assert.Equal(pid, folder.HostPid);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "B16")]
    public async Task Who_wants_the_host_to_go_while_its_successor_is_looked_at_is_obeyed(bool signals)
    {
        await using var folder = new OutlastFolder();
        using var host = folder.Start(OutlastFolder.Program, "serve", "--json");
        await host.SeeAsync("\n");
        var slow = await ProgramAsync(folder, $": >{folder.File("looking")}; while [ ! -e {folder.File("go")} ]; do sleep 0.02; done; echo ok 9.9.9");
        var restart = AskAsync(folder, new() { ["program"] = new JsonArray(slow) });
        await Eventually.TrueAsync(() => File.Exists(folder.File("looking")), "the program is looked at");

        if (signals) host.Signal("TERM");
        else Assert.Equal(0, (await folder.RunAsync("shutdown")).Code);
        await File.WriteAllTextAsync(folder.File("go"), "");

        Assert.Equal(0, (await host.EndAsync()).Code);
        Assert.False(File.Exists(folder.Data.HostFile));
        // Whatever became of its answer.
        await Task.WhenAny(restart).Soon();
        if (restart.IsCompletedSuccessfully) Assert.Equal(503, (await restart).Status);
    }

    [Fact]
    [Trait("Requirement", "V-35")]
    public async Task A_successor_that_is_told_to_go_before_it_serves_goes_and_brings_nobody_back()
    {
        await using var folder = new OutlastFolder();
        using var host = folder.Start(OutlastFolder.Program, "serve", "--json");
        await host.SeeAsync("\n");
        var slow = await ProgramAsync(folder, "echo ok 9.9.9", $": >{folder.File("here")}; while [ ! -e {folder.File("go")} ]; do sleep 0.02; done");
        Assert.Equal(202, (await AskAsync(folder, new() { ["program"] = new JsonArray(slow) })).Status);
        await Eventually.TrueAsync(() => File.Exists(folder.File("here")), "the former host is gone");
        using var other = Outlast.Sqlite.Database.OpenWriter(folder.Data.Database);
        other.Run("BEGIN IMMEDIATE");
        await File.WriteAllTextAsync(folder.File("go"), "");
        await Eventually.TrueAsync(() => HearsHangups(host.Pid), "the successor hears signals");

        host.Signal("TERM");

        var gone = await host.EndAsync();
        Assert.Equal(0, gone.Code);
        Assert.DoesNotContain("serves again", gone.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.Data.HostFile));
        other.Run("ROLLBACK");
    }

    [Fact]
    [Trait("Requirement", "V-35")]
    public async Task What_a_program_says_beside_its_answer_does_not_make_it_unfit_and_needs_no_disk()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "true");
        Directory.CreateDirectory(Path.Combine(folder.Data.Logs, "check.log"));
        var epoch = Epoch(folder);

        var unfit = await AskAsync(folder, new() { ["program"] = new JsonArray(await ProgramAsync(folder, "echo 'ok, but'; echo 'outlast: no luck today' >&2; exit 6")) });
        var (status, answer) = await AskAsync(folder, new() { ["program"] = new JsonArray(await ProgramAsync(folder, "echo 'a warning' >&2; echo ok 9.9.9")) });

        Assert.Equal(409, unfit.Status);
        Assert.Contains("cannot follow: no luck today\nok, but", (string)unfit.Answer["detail"]!, StringComparison.Ordinal);
        Assert.Equal((202, "9.9.9"), (status, (string)answer["nextVersion"]!));
        await Eventually.TrueAsync(() => Epoch(folder) > epoch, "it serves");
    }

    [Fact]
    public async Task A_restart_where_no_host_runs_starts_one()
    {
        await using var folder = new OutlastFolder();

        var started = await folder.RunAsync("restart");

        Assert.Equal(0, started.Code);
        Assert.Contains("no host runs", started.Error, StringComparison.Ordinal);
        Assert.StartsWith("host h1 serves", started.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_host_that_starts_nothing_for_want_of_room_serves_all_the_same()
    {
        using var small = SmallFileSystem.Mount(64);
        await using var folder = new OutlastFolder(("OUTLAST_DATA", small.Data.Path));
        Assert.Equal(0, (await InsideAsync("run", "--", "true")).Code);
        // Less than 5 % are left, and enough for the host itself.
        await File.WriteAllBytesAsync(small.Place.Root + Path.Combine(small.Data.Path, "filler"), new byte[(small.FreeBlocks - 512) * 4096]);

        var restarted = await InsideAsync("restart");
        await InsideAsync("shutdown");

        Assert.Equal(0, restarted.Code);
        Assert.StartsWith("host h2 serves", restarted.Output, StringComparison.Ordinal);
        Assert.Contains("starts no new work now: the disk: ", restarted.Error, StringComparison.Ordinal);

        async Task<Finished> InsideAsync(params string[] arguments)
        {
            using var program = folder.Start([.. small.Place.Inside, OutlastFolder.Program, .. arguments]);
            return await program.EndAsync();
        }
    }

    [Fact]
    public async Task Two_restarts_at_once_are_two_restarts()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "true");

        var both = await Task.WhenAll(folder.RunAsync("restart"), folder.RunAsync("restart"));

        Assert.All(both, r => Assert.Equal((0, ""), (r.Code, r.Error)));
        Assert.Equal(3, Epoch(folder));
    }

    [Fact]
    [Trait("Requirement", "V-33")]
    [Trait("Requirement", "V-36")]
    public async Task A_task_may_ask_for_a_restart_and_goes_on_but_not_again_and_again()
    {
        await using var folder = new OutlastFolder();
        for (var n = 1; n <= 3; n++)
        {
            var ran = await folder.RunAsync("run", "--", "sh", "-c", $"'{OutlastFolder.Program}' restart >/dev/null && echo went on");
            Assert.Equal((0, "went on\n"), (ran.Code, ran.Output));
        }

        var fourth = await folder.RunAsync("run", "--", OutlastFolder.Program, "restart");

        Assert.Equal(5, fourth.Code);
        Assert.Contains("that looks like a loop", fourth.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await folder.RunAsync("restart")).Code);
        Assert.Equal(5, Epoch(folder));
    }

    [Fact]
    [Trait("Requirement", "V-07")]
    public async Task A_host_on_TCP_keeps_its_port_and_what_it_was_started_with()
    {
        await using var folder = new OutlastFolder();
        using var host = folder.Start("/bin/sh", "-c", "umask 027; ulimit -Sn 1000; exec \"$0\" serve --listen 127.0.0.1:0 --json", OutlastFolder.Program);
        await host.SeeAsync("\n");
        var before = HostFile(folder);
        var asked = await SurroundingsAsync();

        Assert.Equal(0, (await folder.RunAsync("restart")).Code);

        var after = HostFile(folder);
        Assert.Equal(((string)before["url"]!, (string)before["socket"]!, host.Pid), ((string)after["url"]!, (string)after["socket"]!, (int)after["pid"]!));
        Assert.Equal(asked, await SurroundingsAsync());
        using var client = new HttpClient();
        client.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(folder.Data.Token)).Trim());
        Assert.Equal(200, (int)(await client.GetAsync(new Uri((string)after["url"]! + "/v1/tasks"))).StatusCode);
        host.Signal("TERM");
        Assert.Equal(0, (await host.EndAsync()).Code);
        Assert.False(File.Exists((string)after["socket"]!));

        // Over HTTP the host's own are what a task gets; the number of this host's life is none of it.
        async Task<string> SurroundingsAsync()
        {
            var (_, task) = await SendAsync(folder, HttpMethod.Post, "/v1/tasks", new() { ["process"] = new JsonObject { ["argv"] = new JsonArray("/bin/sh", "-c", "umask; ulimit -Sn; env | grep -v ^OUTLAST_TASK_ID | sort; ls /proc/self/fd"), ["cwd"] = "/" } });
            await folder.RunAsync("wait", (string)task["id"]!);
            return (await folder.RunAsync("logs", (string)task["id"]!)).Output;
        }
    }

    [Theory]
    [Trait("Requirement", "B16")]
    [Trait("Requirement", "A20")]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    [InlineData("QUIT")]
    public async Task A_signal_ends_the_host_in_good_order_and_leaves_the_work(string signal)
    {
        await using var folder = new OutlastFolder();
        using var host = folder.Start(OutlastFolder.Program, "serve", "--json");
        await host.SeeAsync("\n");
        var id = (await folder.RunAsync("run", "-d", "--", "sh", "-c", $"while [ ! -e {folder.File("go")} ]; do sleep 0.02; done; exit 4")).Output.Trim();

        host.Signal(signal);

        Assert.Equal(0, (await host.EndAsync()).Code);
        Assert.False(File.Exists(folder.Data.HostFile));
        Assert.False(File.Exists(folder.Data.HostSocket));
        await File.WriteAllTextAsync(folder.File("go"), "");
        Assert.Equal(4, (await folder.RunAsync("wait", id)).Code);
        var told = (await EventsAsync(folder)).Where(e => ((string)e["type"]!).StartsWith("host.", StringComparison.Ordinal)).Select(e => (string)e["type"]!).ToArray();
        Assert.Equal(["host.started", "host.draining", "host.stopped", "host.started"], told);
    }

    [Fact]
    public async Task A_check_disturbs_no_host_and_finds_what_a_start_would_find()
    {
        await using var folder = new OutlastFolder();
        Assert.StartsWith("ok 0.", (await folder.RunAsync("serve", "--check")).Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.Data.Path));
        Assert.True((bool)JsonNode.Parse((await folder.RunAsync("serve", "--check", "--json")).Output)!["ok"]!);
        await folder.RunAsync("run", "--", "true");
        var epoch = Epoch(folder);
        Assert.Equal(0, (await folder.RunAsync("serve", "--check")).Code);

        await File.WriteAllTextAsync(folder.Data.Settings, """{ "host.drainLimit": "soon" }""");
        var settings = await folder.RunAsync("serve", "--check");
        var verdict = await folder.RunAsync("serve", "--check", "--json");
        Assert.Equal((6, false), (verdict.Code, (bool)JsonNode.Parse(verdict.Output)!["ok"]!));
        Assert.Contains("'soon'", (string)JsonNode.Parse(verdict.Output)!["faults"]![0]!, StringComparison.Ordinal);
        File.Delete(folder.Data.Settings);
        Assert.Equal((6, epoch), (settings.Code, Epoch(folder)));
        Assert.Contains("host.drainLimit (outlast.json): 'soon'", settings.Error, StringComparison.Ordinal);

        await folder.RunAsync("shutdown");
        var database = await File.ReadAllBytesAsync(folder.Data.Database);
        database[60..64].CopyTo(database, 60);
        database[62] = 0x7f;   // the schema's version, in the header
        await File.WriteAllBytesAsync(folder.Data.Database, database);
        var newer = await folder.RunAsync("serve", "--check");
        Assert.Equal(6, newer.Code);
        Assert.Contains("Use the newer program", newer.Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder.Data.Database, new string('x', 200));
        Assert.Contains("is no SQLite database", (await folder.RunAsync("serve", "--check")).Error, StringComparison.Ordinal);
        File.Delete(folder.Data.Database);
    }

    private static int[] ChildrenOf(int pid) =>
        [.. Directory.EnumerateDirectories("/proc").Select(d => Path.GetFileName(d)).Where(n => int.TryParse(n, out _)).Select(n => int.Parse(n, CultureInfo.InvariantCulture)).Where(child => ParentOf(child) == pid)];

    private static int? ParentOf(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>A program that answers a check as it is told to, and else is this one, after something of its own.</summary>
    private static async Task<string> ProgramAsync(OutlastFolder folder, string check, string before = "")
    {
        var file = folder.File(Path.GetRandomFileName());
        await File.WriteAllTextAsync(file, $"#!/bin/sh\ncase \"$*\" in *--check*) {check}; exit; esac\n{before}\nexec '{OutlastFolder.Program}' \"$@\"\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return file;
    }

    /// <summary>Whether it catches SIGHUP, as a program of this kind does from the moment on when it cares for signals.</summary>
    private static bool HearsHangups(int pid) =>
        File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith("SigCgt:", StringComparison.Ordinal)) is var caught && (Convert.ToUInt64(caught[7..].Trim(), 16) & 1) != 0;

    private static JsonNode HostFile(OutlastFolder folder) => JsonNode.Parse(File.ReadAllText(folder.Data.HostFile))!;

    private static long Epoch(OutlastFolder folder) => (long)HostFile(folder)["epoch"]!;

    private static async Task<JsonNode[]> EventsAsync(OutlastFolder folder) => [.. (await folder.RunAsync("events", "--json")).Lines.Select(l => JsonNode.Parse(l)!)];

    private static Task<(int Status, JsonNode Answer)> AskAsync(OutlastFolder folder, JsonObject body) => SendAsync(folder, HttpMethod.Post, "/v1/host/restart", body);

    private static async Task<(int Status, JsonNode Answer)> SendAsync(OutlastFolder folder, HttpMethod method, string path, JsonObject body)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint((string)HostFile(folder)["socket"]!), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new("http://outlast") };
        using var response = await http.SendAsync(new(method, path) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") });
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }
}
