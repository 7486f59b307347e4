using Outlast.Hosting;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>What the doctor says of machines that are shown to it as files below a folder.</summary>
[Trait("Requirement", "U-33")]
public sealed class HostSurroundingsTests
{
    private const string SystemService = "0::/system.slice/outlast.service", UserService = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/outlast.service";
    private const string Session = "0::/user.slice/user-1000.slice/session-3.scope";
    private const string Passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n";
    private const string Unit = "etc/systemd/system/outlast.service", UserUnit = "home/ada/.config/systemd/user/outlast.service";

    public static TheoryData<string, CheckLevel, string, string[]> Machines => new()
    {
        // Each: the check, what it says, and the machine's files, a name and a text.
        { "service", CheckLevel.Ok, "no service manager's stop", [] },
        { "service", CheckLevel.Ok, "no service manager's stop", ["proc/self/cgroup", Session] },
        { "service", CheckLevel.Ok, "no service manager's stop", ["proc/self/cgroup", "0::/user.slice/user-1000.slice/user@1000.service/init.scope"] },
        { "service", CheckLevel.Ok, "KillMode=process", ["proc/self/cgroup", SystemService, Unit, "[Service]\nKillMode=process\n"] },
        { "service", CheckLevel.Ok, "KillMode=process", ["proc/self/cgroup", UserService, UserUnit, "[Service]\nKillMode = process\n"] },
        { "service", CheckLevel.Ok, "KillMode=process", ["proc/self/cgroup", SystemService, Unit, "[Service]\n", "etc/systemd/system/outlast.service.d/kill.conf", "[Service]\nKillMode=process\n"] },
        { "service", CheckLevel.Ok, "KillMode=process", ["proc/self/cgroup", "0::/system.slice/outlast@ada.service", "etc/systemd/system/outlast@.service", "[Service]\nKillMode=process\n"] },
        { "service", CheckLevel.Ok, "KillMode=process", ["proc/self/cgroup", "4:memory:/x\n1:name=systemd:/system.slice/outlast.service", "usr/lib/systemd/system/outlast.service", "[Service]\nKillMode=process\n"] },
        { "service", CheckLevel.Warn, "KillMode=control-group: its stop or restart kills every task", ["proc/self/cgroup", SystemService, Unit, "[Service]\n#KillMode=process\n"] },
        { "service", CheckLevel.Warn, "KillMode=mixed", ["proc/self/cgroup", SystemService, Unit, "[Service]\nKillMode=process\n", "run/systemd/system/outlast.service.d/a.conf", "[Service]\nKillMode=mixed\n"] },
        { "service", CheckLevel.Warn, "whose file cannot be found", ["proc/self/cgroup", SystemService] },

        { "logout", CheckLevel.Ok, "no logout reaches", ["proc/self/cgroup", SystemService] },
        { "logout", CheckLevel.Ok, "a logout leaves it", ["proc/self/cgroup", Session, "etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=yes\n"] },
        { "logout", CheckLevel.Warn, "KillUserProcesses=yes: the logout kills", ["proc/self/cgroup", Session, "etc/passwd", Passwd, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n"] },
        { "logout", CheckLevel.Warn, "KillUserProcesses=yes", ["proc/self/cgroup", Session, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=no\n", "etc/systemd/logind.conf.d/50.conf", "[Login]\nKillUserProcesses=yes\n"] },
        { "logout", CheckLevel.Ok, "a logout leaves it", ["proc/self/cgroup", Session, "usr/lib/systemd/logind.conf.d/50.conf", "[Login]\nKillUserProcesses=yes\n", "etc/systemd/logind.conf.d/50.conf", "[Login]\n"] },
        { "logout", CheckLevel.Ok, "a logout leaves it", ["proc/self/cgroup", Session, "etc/passwd", Passwd, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=root ada\n"] },
        { "logout", CheckLevel.Ok, "a logout leaves it", ["proc/self/cgroup", Session, "etc/passwd", Passwd, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\nKillOnlyUsers=bob\n"] },
        { "logout", CheckLevel.Warn, "ends with ada's last session", ["proc/self/cgroup", UserService, "etc/passwd", Passwd] },
        { "logout", CheckLevel.Ok, "ada lingers", ["proc/self/cgroup", UserService, "etc/passwd", Passwd, "var/lib/systemd/linger/ada", ""] },

        { "container", CheckLevel.Ok, "no container", ["proc/self/stat", "1 (outlast) S 0 1 1"] },
        { "container", CheckLevel.Warn, "is the container's first process", [".dockerenv", "", "proc/self/stat", "1 (outlast) S 0 1 1"] },
        { "container", CheckLevel.Warn, "first process is tini", ["run/.containerenv", "", "proc/1/comm", "tini\n", "proc/self/stat", "7 (out) last) S 1 7 1"] },
        { "container", CheckLevel.Ok, "does not end with the host", ["proc/1/environ", "PATH=/bin\0container=podman\0", "proc/1/comm", "tini\n", "proc/self/stat", "70 (outlast) S 1 70 70"] },
        { "container", CheckLevel.Ok, "its first process is s6-svscan", ["proc/1/cgroup", "0::/kubepods/pod1/c", "proc/1/comm", "s6-svscan\n", "proc/self/stat", "7 (outlast) S 1 7 1"] },

        { "filesystem", CheckLevel.Ok, "lies on ext4 at /", ["proc/self/mountinfo", Mount("/", "ext4")] },
        { "filesystem", CheckLevel.Ok, "lies on ext4 at /", ["proc/self/mountinfo", $"{Mount("/", "ext4")}\n{Mount("/home/ada/st", "tmpfs")}"] },
        { "filesystem", CheckLevel.Warn, "lies in memory (tmpfs at /home/ada/state)", ["proc/self/mountinfo", $"{Mount("/", "ext4")}\n{Mount("/home/ada/state", "tmpfs")}"] },
        { "filesystem", CheckLevel.Warn, "network file system (nfs4 at /home)", ["proc/self/mountinfo", $"{Mount("/home", "nfs4")}\n{Mount("/", "ext4")}"] },

        { "noexec", CheckLevel.Ok, "programs may be executed", ["proc/self/mountinfo", $"{Mount("/", "ext4")}\n{Mount("/home", "ext4", "rw,noexec")}"] },
        { "noexec", CheckLevel.Warn, "/opt, where this program lies, is mounted noexec", ["proc/self/mountinfo", $"{Mount("/", "ext4")}\n{Mount("/opt", "ext4", "rw,noexec,nosuid")}"] },

        { "cgroup", CheckLevel.Ok, "no control group limits", ["proc/self/cgroup", SystemService, "sys/fs/cgroup/system.slice/outlast.service/memory.max", "max\n", "sys/fs/cgroup/system.slice/outlast.service/pids.max", "4915\n"] },
        { "cgroup", CheckLevel.Ok, "no control group limits", ["proc/self/cgroup", SystemService, "proc/meminfo", "MemTotal: 1024 kB\n", "sys/fs/cgroup/system.slice/memory.max", "1048576\n"] },
        { "cgroup", CheckLevel.Warn, "512 MiB of memory, beyond which the system kills", ["proc/self/cgroup", SystemService, "sys/fs/cgroup/system.slice/memory.max", "536870912\n"] },
        { "cgroup", CheckLevel.Warn, "beyond which all of it is killed at once", ["proc/self/cgroup", SystemService, "sys/fs/cgroup/system.slice/outlast.service/memory.max", "536870912\n", "sys/fs/cgroup/system.slice/outlast.service/memory.oom.group", "1\n"] },
        { "cgroup", CheckLevel.Warn, "100 processes, beyond which nothing", ["proc/self/cgroup", "0::/", "sys/fs/cgroup/pids.max", "100\n"] },
        { "cgroup", CheckLevel.Warn, "64 MiB of memory", ["proc/self/cgroup", "4:memory:/box/inner\n0::/", "sys/fs/cgroup/memory/box/memory.limit_in_bytes", "67108864\n", "sys/fs/cgroup/memory/box/inner/memory.limit_in_bytes", "9223372036854771712\n"] },
        { "cgroup", CheckLevel.Warn, "50 processes", ["proc/self/cgroup", "8:pids:/box", "sys/fs/cgroup/pids/box/pids.max", "50\n"] },
    };

    [Theory]
    [MemberData(nameof(Machines))]
    public void Whatever_would_take_the_tasks_along_is_named(string name, CheckLevel level, string text, string[] files)
    {
        using var machine = new ScratchFolder();
        foreach (var pair in files.Chunk(2))
        {
            var file = machine.File(pair[0]);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, pair[1]);
        }

        var check = Assert.Single(new Surroundings(new("/home/ada/state/outlast"), machine.Path, 1000, "/home/ada", "/opt/outlast").Examine(), c => c.Name == name);

        Assert.Contains(text, check.Text, StringComparison.Ordinal);
        Assert.Equal((level, level is CheckLevel.Warn), (check.Level, check.Do is not null));
    }

    [Fact]
    public void A_machine_that_says_nothing_warns_of_nothing()
    {
        using var machine = new ScratchFolder();
        Assert.All(new Surroundings(new("/data"), machine.Path, 0, null, "/opt").Examine(), c => Assert.Equal(CheckLevel.Ok, c.Level));
    }

    [Fact]
    public async Task The_doctor_looks_at_this_machine()
    {
        await using var folder = new OutlastFolder();
        var told = (await folder.RunAsync("doctor")).Lines;
        foreach (var name in (string[])["service", "logout", "container", "filesystem", "noexec", "cgroup"]) Assert.Contains(told, l => l.Split('\t') is [_, var check, ..] && check == name);
    }

    private static string Mount(string at, string type, string options = "rw,relatime") => $"36 35 98:0 / {at} {options} shared:1 - {type} source rw";
}
