using System.Globalization;
using System.Text.Json.Nodes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class HostTests
{
    [Fact]
    [Trait("Requirement", "V-51")]
    public async Task A_second_host_refuses_and_names_the_first()
    {
        await using var folder = new OutlastFolder();
        using var first = folder.Start(OutlastFolder.Program, "serve", "--json");
        await first.SeeAsync("\n");

        var second = await folder.RunAsync("serve");

        Assert.Equal(5, second.Code);
        Assert.Contains($"pid {first.Pid}, since {DateTimeOffset.Now.Year}", second.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await folder.RunAsync("ps")).Code);
        first.Signal("TERM");
        Assert.Equal(0, (await first.EndAsync()).Code);
    }

    [Fact]
    public async Task Many_verbs_at_once_share_one_host()
    {
        await using var folder = new OutlastFolder();

        var runs = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => folder.RunAsync("run", "-d", "--", "true")));

        Assert.All(runs, run => Assert.Equal((0, ""), (run.Code, run.Error)));
        Assert.Equal(6, runs.Select(r => r.Output).Distinct().Count());
        Assert.Single((await folder.RunAsync("events", "--json")).Lines, l => (string)JsonNode.Parse(l)!["type"]! == "host.started");
    }

    [Fact]
    public async Task A_host_that_a_verb_starts_has_nothing_of_its_caller()
    {
        await using var folder = new OutlastFolder(("OUTLAST_TASK_ID", "stranger"), ("OUTLAST_ENV_0", "a.b=1"));
        await folder.ShellAsync("exec 7</dev/null; trap '' HUP USR1; outlast run --parent none -- true");
        var pid = folder.HostPid;

        Assert.Equal("/", new FileInfo($"/proc/{pid}/cwd").ResolveLinkTarget(false)!.FullName);
        Assert.Equal("/dev/null", new FileInfo($"/proc/{pid}/fd/0").ResolveLinkTarget(false)!.FullName);
        Assert.EndsWith("/logs/host.log", new FileInfo($"/proc/{pid}/fd/2").ResolveLinkTarget(false)!.FullName, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFiles($"/proc/{pid}/fd").Select(f => new FileInfo(f).LinkTarget ?? ""), target => target.StartsWith("pipe:", StringComparison.Ordinal) && IsOurs(target));
        var environment = File.ReadAllText($"/proc/{pid}/environ").Split('\0');
        Assert.DoesNotContain(environment, v => v.StartsWith("OUTLAST_TASK_ID=", StringComparison.Ordinal) || v.StartsWith("OUTLAST_ENV_", StringComparison.Ordinal));
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        Assert.Equal(pid, int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[3], CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task The_data_folder_is_its_owners_alone_whatever_the_umask()
    {
        await using var folder = new OutlastFolder();

        await folder.ShellAsync("umask 0; outlast run -- true");

        Assert.Equal("rwx------", Mode(folder.Data.Path));
        foreach (var file in Directory.EnumerateFileSystemEntries(folder.Data.Path, "*", SearchOption.AllDirectories))
            Assert.Matches("^(rwx------|rw-------)$", Mode(file));
    }

    [Fact]
    public async Task A_folder_with_other_peoples_files_is_left_alone()
    {
        await using var folder = new OutlastFolder();
        Directory.CreateDirectory(folder.Data.Path);
        File.SetUnixFileMode(folder.Data.Path, (UnixFileMode)0x1ed);   // 0755
        await File.WriteAllTextAsync(folder.Data.Path + "/precious", "");

        var ran = await folder.RunAsync("ps");

        Assert.Equal(6, ran.Code);
        Assert.Contains("files that are not Outlast's", ran.Error, StringComparison.Ordinal);
        Assert.Equal("rwxr-xr-x", Mode(folder.Data.Path));
    }

    [Fact]
    public async Task A_path_too_long_for_a_socket_is_no_obstacle()
    {
        await using var folder = new OutlastFolder();
        var deep = Path.Combine(folder.Data.Path, new string('d', 120));

        var ran = await folder.ShellAsync($"export OUTLAST_DATA={deep}; outlast run -- echo works; outlast shutdown");

        Assert.Equal("works\nthe host is gone; no task was open\n", ran.Output);
    }

    [Fact]
    public async Task Shutdown_leaves_processes_running_and_the_next_verb_finds_them()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--", "sh", "-c", "echo first; while [ ! -e " + folder.File("go") + " ]; do sleep 0.05; done; exit 3");
        var pid = folder.HostPid;

        var gone = await folder.RunAsync("shutdown");

        Assert.Equal("the host is gone; 1 task goes on without it, and the next host takes over\n", gone.Output);
        Assert.False(ProcessBench.IsAlive(pid));
        Assert.False(File.Exists(folder.Data.HostFile));
        Assert.Contains("none is running", (await folder.RunAsync("version")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await folder.RunAsync("shutdown")).Code);
        await Eventually.TrueAsync(async () => (int?)(await folder.ShowAsync("1"))["adoptions"] == 1, "the next host takes the task over");
        await File.WriteAllTextAsync(folder.File("go"), "");
        Assert.Equal(3, (await folder.RunAsync("wait", "1")).Code);
    }

    [Fact]
    [Trait("Requirement", "V-66")]
    public async Task A_host_that_a_verb_started_ends_itself_when_idle_and_not_while_a_task_is_open()
    {
        await using var folder = new OutlastFolder(("OUTLAST_HOST_IDLE_TIMEOUT", "2s"));
        await folder.RunAsync("run", "-d", "--", "sh", "-c", "while [ ! -e " + folder.File("go") + " ]; do sleep 0.05; done");
        var pid = folder.HostPid;
        // Longer than the limit: long enough for a host that errs.
        await Task.Delay(TimeSpan.FromSeconds(4));
        Assert.True(ProcessBench.IsAlive(pid));

        await File.WriteAllTextAsync(folder.File("go"), "");

        await Eventually.TrueAsync(() => !ProcessBench.IsAlive(pid), "the idle host ends itself");
        Assert.Equal("completed", (string)(await folder.ShowAsync("1"))["state"]!);
    }

    [Fact]
    [Trait("Requirement", "V-67")]
    public async Task A_limit_on_silence_releases_a_host_from_a_wedged_task()
    {
        await using var folder = new OutlastFolder(("OUTLAST_HOST_IDLE_TIMEOUT", "2s"), ("OUTLAST_WATCHDOG_POLL", "200ms"));
        await folder.RunAsync("run", "-d", "--idle-timeout", "4s", "--", "sleep", "1000");
        var pid = folder.HostPid;

        await Eventually.TrueAsync(() => !ProcessBench.IsAlive(pid), "the host is released");

        var task = await folder.ShowAsync("1");
        Assert.Equal(("timed_out", "inactivity"), ((string)task["state"]!, (string)task["end"]!["cause"]!));
    }

    [Fact]
    public async Task A_host_started_by_hand_stays_however_idle()
    {
        await using var folder = new OutlastFolder(("OUTLAST_HOST_IDLE_TIMEOUT", "100ms"));
        using var host = folder.Start(OutlastFolder.Program, "serve", "--json");
        await host.SeeAsync("\n");

        await Task.Delay(TimeSpan.FromSeconds(1));

        Assert.True(ProcessBench.IsAlive(host.Pid));
        host.Signal("INT");
        Assert.Equal(0, (await host.EndAsync()).Code);
    }

    [Fact]
    [Trait("Requirement", "B11")]
    [Trait("Requirement", "U-22")]
    public async Task Settings_and_where_they_were_set_are_shown_and_bad_ones_refused_by_name()
    {
        await using var folder = new OutlastFolder(("OUTLAST_PROCESS_IDLE_TIMEOUT", "20m"));
        Directory.CreateDirectory(folder.Data.Path, (UnixFileMode)0x1c0);
        await File.WriteAllTextAsync(folder.Data.Settings, """{ "process.idleTimeout": "5m", "process.timeout": "2h" }""");

        var told = (await folder.RunAsync("doctor")).Lines;
        Assert.Contains("process.idleTimeout\t20m\tOUTLAST_PROCESS_IDLE_TIMEOUT", told);
        Assert.Contains("process.timeout\t2h\toutlast.json", told);
        Assert.Contains(told, l => l.StartsWith("watchdog.poll\t", StringComparison.Ordinal) && l.EndsWith("\tdefault", StringComparison.Ordinal));
        await folder.RunAsync("shutdown");

        await File.WriteAllTextAsync(folder.Data.Settings, """{ "process.timeout": "banana" }""");
        var refused = await folder.RunAsync("ps");
        Assert.Equal(3, refused.Code);
        Assert.Contains("process.timeout (outlast.json): 'banana'", refused.Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder.Data.Settings, "{}");
    }

    [Fact]
    public async Task On_TCP_the_token_is_needed_and_only_loopback_is_served()
    {
        await using var folder = new OutlastFolder();
        Assert.Equal(2, (await folder.RunAsync("serve", "--listen", "0.0.0.0:0")).Code);
        using var host = folder.Start(OutlastFolder.Program, "serve", "--listen", "127.0.0.1:0", "--json");
        await host.SeeAsync("\n");
        var url = (string)JsonNode.Parse(await File.ReadAllTextAsync(folder.Data.HostFile))!["url"]!;
        using var client = new HttpClient();

        Assert.Equal(401, (int)(await client.GetAsync(new Uri(url + "/v1/tasks"))).StatusCode);
        client.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(folder.Data.Token)).Trim());
        Assert.Equal(200, (int)(await client.GetAsync(new Uri(url + "/v1/tasks"))).StatusCode);

        host.Signal("TERM");
        Assert.Equal(0, (await host.EndAsync()).Code);
    }

    private static string Mode(string path)
    {
        var mode = (int)File.GetUnixFileMode(path);
        return string.Concat("rwxrwxrwx".Select((c, i) => (mode >> (8 - i) & 1) == 1 ? c : '-'));
    }

    /// <summary>Whether a pipe is one of this test's own.</summary>
    private static bool IsOurs(string pipe) => Directory.GetFiles("/proc/self/fd").Any(f => new FileInfo(f).LinkTarget == pipe);
}
