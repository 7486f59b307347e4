using System.Collections.Immutable;
using System.Globalization;

namespace Outlast.Hosting;

/// <summary>Looks for what could end the tasks together with their host, or without anybody's wish: a service manager, a logout, a container's first process, where the data lies, limits of a group.</summary>
/// <remarks>Reads files below a root, nothing else, so that a test can show it any machine.</remarks>
/// <param name="folder">The data folder.</param>
/// <param name="root">What <c>/</c> is.</param>
/// <param name="user">Whose host it is.</param>
/// <param name="home">That user's folder.</param>
/// <param name="program">The folder of the program.</param>
internal sealed class Surroundings(DataFolder folder, string root, uint user, string? home, string program)
{
    private const string Docs = "docs/operations.md";
    private const long FewProcesses = 1024;
    private const string EndsWithItsChild = "an init that goes when its child goes";

    private static readonly string[] InMemory = ["tmpfs", "ramfs"];
    private static readonly string[] OverNetwork = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs"];
    private static readonly string[] Inits = ["tini", "docker-init", "dumb-init", "catatonit", "sh", "bash", "dash"];

    public ImmutableArray<HostCheck> Examine() => [Service(), Logout(), Container(), FileSystem(), Executing(), Group()];

    private HostCheck Service()
    {
        if (Unit(".service") is not { } unit) return Ok("service", "no service manager's stop reaches the tasks");
        var isUsers = GroupPath().Contains("/user@", StringComparison.Ordinal);
        var settings = UnitFiles(unit, isUsers).SelectMany(Lines).ToList();
        return Last(settings, "KillMode") switch
        {
            "process" => Ok("service", $"service {unit} has KillMode=process: its stop leaves the tasks alone"),
            null when settings.Count == 0 => Warn("service", $"the host runs in service {unit}, whose file cannot be found: unless it has KillMode=process, its stop kills every task",
                $"see 'systemctl cat {unit}', and set KillMode=process ({Docs})"),
            var mode => Warn("service", $"the host runs in service {unit} with KillMode={mode ?? "control-group"}: its stop or restart kills every task", $"set KillMode=process in {unit}; 'outlast serve --install' writes such a unit ({Docs})"),
        };
    }

    private HostCheck Logout()
    {
        if (Unit(".scope") is { } scope && scope.StartsWith("session-", StringComparison.Ordinal))
        {
            var settings = ConfigFiles("etc/systemd/logind.conf", "systemd/logind.conf.d").SelectMany(Lines).ToList();
            var name = UserName();
            var kills = Last(settings, "KillUserProcesses") is "yes" or "true" or "on" or "1"
                && !(Last(settings, "KillExcludeUsers") ?? "root").Split(' ').Contains(name)
                && (Last(settings, "KillOnlyUsers") is not { Length: > 0 } only || only.Split(' ').Contains(name));
            return kills
                ? Warn("logout", $"the host runs in {scope}, and logind has KillUserProcesses=yes: the logout kills the host and every task", $"run the host as a user's service: 'outlast serve --install', and 'loginctl enable-linger {name}' ({Docs})")
                : Ok("logout", $"the host runs in {scope}; a logout leaves it and the tasks alone");
        }
        if (!GroupPath().Contains($"/user@{user.ToString(CultureInfo.InvariantCulture)}.service/", StringComparison.Ordinal)) return Ok("logout", "no logout reaches the host or the tasks");
        return File.Exists(At($"var/lib/systemd/linger/{UserName()}"))
            ? Ok("logout", $"{UserName()} lingers: the user's services, and with them the tasks, outlive the last logout")
            : Warn("logout", $"the host belongs to the user's own service manager, which ends with {UserName()}'s last session and takes every task along", $"loginctl enable-linger {UserName()}");
    }

    private HostCheck Container()
    {
        if (!IsContainer()) return Ok("container", "no container");
        var (pid, parent, session) = Stat("self");
        var first = Text("proc/1/comm")?.Trim() ?? "?";
        if (pid == 1) return Warn("container", "the host is the container's first process: its death ends the container, and every task with it", "let an init be the first process that outlives the host, and let it start the host");
        return parent == 1 && session != pid && Inits.Contains(first)
            ? Warn("container", $"the container's first process is {first}, {EndsWithItsChild}: the host's death ends the container, and every task with it", "let the first process be one that starts the host again, or one that does not depend on it")
            : Ok("container", $"in a container, which does not end with the host (its first process is {first})");
    }

    private HostCheck FileSystem()
    {
        var (type, mount, _) = MountOf(folder.Path);
        var measured = None.Add("type", type).Add("mount", mount);
        return InMemory.Contains(type)
            ? new("filesystem", CheckLevel.Warn, $"the data folder lies in memory ({type} at {mount}): the next boot knows of no task", measured, "set OUTLAST_DATA to a folder on a disk")
            : OverNetwork.Contains(type)
            ? new("filesystem", CheckLevel.Warn, $"the data folder lies on a network file system ({type} at {mount}): locks and writes are not what they are on a disk", measured, "set OUTLAST_DATA to a folder on a local disk")
            : new("filesystem", CheckLevel.Ok, $"the data folder lies on {type} at {mount}", measured);
    }

    /// <summary>Nothing is executed in the data folder; but the program that follows at a restart is where this one is.</summary>
    private HostCheck Executing()
    {
        var (_, mount, options) = MountOf(program);
        return options.Contains("noexec")
            ? Warn("noexec", $"{mount}, where this program lies, is mounted noexec: 'outlast restart' may not be able to execute it", $"install Outlast where programs may be executed, or mount {mount} without noexec")
            : Ok("noexec", "programs may be executed where this one lies");
    }

    private HostCheck Group()
    {
        var measured = None;
        List<string> limits = [];
        if (LeastOf("memory", "memory.max", "memory.limit_in_bytes") is { } memory && (TotalMemory() is not { } total || memory < total))
        {
            measured = measured.Add("memoryMaxBytes", memory.ToString(CultureInfo.InvariantCulture));
            limits.Add($"{memory >> 20} MiB of memory{(Flags("memory.oom.group").Contains("1") ? ", beyond which all of it is killed at once" : ", beyond which the system kills whichever it likes")}");
        }
        if (LeastOf("pids", "pids.max", "pids.max") is { } processes)
        {
            measured = measured.Add("processesMax", processes.ToString(CultureInfo.InvariantCulture));
            if (processes < FewProcesses) limits.Add($"{processes} processes, beyond which nothing can be started");
        }
        return limits.Count == 0
            ? new("cgroup", CheckLevel.Ok, "no control group limits the host together with the tasks", measured)
            : new("cgroup", CheckLevel.Warn, $"host and tasks together may have {string.Join(" and ", limits)}", measured, $"give the group more room, or limit each task by itself ({Docs})");
    }

    /// <summary>The name of the innermost unit of that kind that this process belongs to; the user's manager itself is none.</summary>
    private string? Unit(string kind) =>
        GroupPath().Split('/').LastOrDefault(part => part.EndsWith(".service", StringComparison.Ordinal) || part.EndsWith(".scope", StringComparison.Ordinal)) is { } unit
            && unit.EndsWith(kind, StringComparison.Ordinal) && !unit.StartsWith("user@", StringComparison.Ordinal) ? unit : null;

    /// <summary>Where the service manager has put this process.</summary>
    private string GroupPath() => Groups().FirstOrDefault(g => g.Controllers.Length == 0 && g.Path.Length > 1).Path ?? Groups().FirstOrDefault(g => g.Controllers.Contains("name=systemd")).Path ?? "/";

    private IEnumerable<(string[] Controllers, string Path)> Groups() =>
        from line in Lines("proc/self/cgroup")
        let parts = line.Split(':', 3)
        where parts.Length == 3
        select (parts[1].Split(',', StringSplitOptions.RemoveEmptyEntries), parts[2]);

    private IEnumerable<string> UnitFiles(string unit, bool isUsers)
    {
        string[] places = isUsers
            ? [.. home is null ? [] : new[] { $"{home}/.config/systemd/user".TrimStart('/') }, "etc/systemd/user", "run/systemd/user", "usr/local/lib/systemd/user", "usr/lib/systemd/user"]
            : ["etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];
        // An instance's settings stand in its template.
        var template = unit.IndexOf('@', StringComparison.Ordinal) is > 0 and var at ? $"{unit[..(at + 1)]}.service" : unit;
        var file = places.SelectMany(p => new[] { $"{p}/{unit}", $"{p}/{template}" }).FirstOrDefault(f => File.Exists(At(f)));
        return [.. file is null ? [] : new[] { file }, .. DropIns(places.SelectMany(p => new[] { $"{p}/{unit}.d", $"{p}/{template}.d" }))];
    }

    private IEnumerable<string> ConfigFiles(string main, string dropIns) => [main, .. DropIns([$"etc/{dropIns}", $"run/{dropIns}", $"usr/local/lib/{dropIns}", $"usr/lib/{dropIns}"])];

    /// <summary>In the order of their names, whatever folder they are in; of two with one name the first folder's.</summary>
    private IEnumerable<string> DropIns(IEnumerable<string> folders) =>
        folders.Where(f => Directory.Exists(At(f))).SelectMany(f => Directory.EnumerateFiles(At(f), "*.conf").Select(file => $"{f}/{Path.GetFileName(file)}"))
            .DistinctBy(Path.GetFileName).OrderBy(Path.GetFileName, StringComparer.Ordinal);

    private static string? Last(IEnumerable<string> settings, string key) =>
        settings.LastOrDefault(l => l.StartsWith(key, StringComparison.Ordinal) && l[key.Length..].TrimStart().StartsWith('=')) is { } line ? line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..].Trim() : null;

    private bool IsContainer() => File.Exists(At(".dockerenv")) || File.Exists(At("run/.containerenv"))
        || (Text("proc/1/environ") ?? "").Split('\0').Any(v => v.StartsWith("container=", StringComparison.Ordinal))
        || Lines("proc/1/cgroup").Any(l => l.Contains("/docker/", StringComparison.Ordinal) || l.Contains("/kubepods", StringComparison.Ordinal) || l.Contains("/lxc/", StringComparison.Ordinal));

    private (int Pid, int Parent, int Session) Stat(string process)
    {
        if (Text($"proc/{process}/stat") is not { } stat) return default;
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (int.Parse(stat[..stat.IndexOf(' ', StringComparison.Ordinal)], CultureInfo.InvariantCulture), int.Parse(fields[1], CultureInfo.InvariantCulture), int.Parse(fields[3], CultureInfo.InvariantCulture));
    }

    private (string Type, string Mount, string[] Options) MountOf(string path)
    {
        var best = (Type: "?", Mount: "/", Options: Array.Empty<string>());
        foreach (var line in Lines("proc/self/mountinfo"))
        {
            // 36 35 98:0 /root /mount options fields... - type source superoptions
            var fields = line.Split(' ');
            var end = Array.IndexOf(fields, "-");
            if (end < 6 || fields.Length < end + 2) continue;
            var mount = fields[4].Replace("\\040", " ", StringComparison.Ordinal);
            if (mount.Length >= best.Mount.Length && (mount == "/" || path == mount || path.StartsWith(mount + "/", StringComparison.Ordinal))) best = (fields[end + 1], mount, fields[5].Split(','));
        }
        return best;
    }

    /// <summary>The least of a limit in this process's group and those above it; none where there is none.</summary>
    private long? LeastOf(string controller, string file, string formerFile)
    {
        var limits = Paths("", "").SelectMany(p => Read(p, file)).Concat(Paths(controller, controller).SelectMany(p => Read(p, formerFile))).ToList();
        return limits.Count == 0 ? null : limits.Min();

        IEnumerable<long> Read(string path, string name) =>
            long.TryParse(Text($"{path}/{name}")?.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit < 1L << 60 ? [limit] : [];
    }

    private IEnumerable<string> Flags(string file) => Paths("", "").Select(p => Text($"{p}/{file}")?.Trim() ?? "");

    /// <summary>The folders of this process's group and of those above it.</summary>
    private IEnumerable<string> Paths(string controller, string hierarchy)
    {
        var path = Groups().FirstOrDefault(g => controller.Length == 0 ? g.Controllers.Length == 0 : g.Controllers.Contains(controller)).Path;
        for (; !string.IsNullOrEmpty(path); path = Path.GetDirectoryName(path)) yield return $"sys/fs/cgroup/{hierarchy}{(hierarchy.Length > 0 ? "/" : "")}{path.Trim('/')}".TrimEnd('/');
    }

    private long? TotalMemory() =>
        Lines("proc/meminfo").FirstOrDefault(l => l.StartsWith("MemTotal:", StringComparison.Ordinal)) is { } line && long.TryParse(line["MemTotal:".Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var kilobytes)
            ? kilobytes * 1024 : null;

    private string UserName() => Lines("etc/passwd").Select(l => l.Split(':')).FirstOrDefault(f => f.Length > 2 && f[2] == user.ToString(CultureInfo.InvariantCulture))?[0] ?? user.ToString(CultureInfo.InvariantCulture);

    private IEnumerable<string> Lines(string file) => (Text(file) ?? "").Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] is not ('#' or ';'));

    private string? Text(string file)
    {
        try
        {
            return File.ReadAllText(At(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private string At(string path) => Path.Combine(root, path);

    private static ImmutableSortedDictionary<string, string> None => ImmutableSortedDictionary<string, string>.Empty;

    private static HostCheck Ok(string name, string text) => new(name, CheckLevel.Ok, text, None);

    private static HostCheck Warn(string name, string text, string next) => new(name, CheckLevel.Warn, text, None, next);
}
