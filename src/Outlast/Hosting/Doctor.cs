using System.Collections.Immutable;
using System.Globalization;
using Outlast.Runners.Processes;
using Outlast.Storage;
using Outlast.Supervision;

namespace Outlast.Hosting;

/// <summary>Looks at everything that a person would look at when something is wrong. Changes nothing.</summary>
internal sealed class Doctor(ITaskStore store, StoreHealth health, Dispatcher dispatcher, PlaceAudit audit, DueWatch due, LiveAttempts attempts, RunnerSet runners, OutputDropping dropping, DiskGuard disk, DiskProbe space, Courier courier, Pruner pruner, OutlastSettings settings, Surroundings surroundings, DataFolder folder, TimeProvider time)
{
    private static readonly TimeSpan InFlight = TimeSpan.FromSeconds(1);
    private const int EndedTasksLookedAt = 500, ManyNotices = 1_000;
    private static readonly TimeSpan LongUnread = TimeSpan.FromDays(1);

    public async Task<ImmutableArray<HostCheck>> ExamineAsync(HostFacts facts, CancellationToken cancel) =>
    [
        Host(facts),
        await StoreAsync(facts, cancel),
        Library(facts),
        Disk(),
        OutputCaps(),
        Folder(),
        await QuarantineAsync(cancel),
        await SlotsAsync(cancel),
        Due(),
        await NoticesAsync(cancel),
        .. Abandoned(),
        await LeftoversAsync(facts, cancel),
        Platform(),
        .. surroundings.Examine(),
    ];

    private static HostCheck Host(HostFacts facts) =>
        Ok("host", $"host {facts.HostId}, version {facts.Version}, epoch {facts.Epoch}, serves {facts.DataFolder}{(facts.Program is { } program ? $"; it is part of {program}" : "")}");

    private async Task<HostCheck> StoreAsync(HostFacts facts, CancellationToken cancel)
    {
        try
        {
            await store.ProbeAsync(cancel);
            return health.Failure is { } failure
                ? new("store", CheckLevel.Warn, $"the store has just recovered from: {failure}", None)
                : Ok("store", $"{facts.Store.Kind}, durability {facts.Store.Durability}: a write has just been made durable");
        }
        catch (StoreUnavailableException e)
        {
            return new("store", CheckLevel.Error, $"nothing can be written: {e.Message}", None, "make room on the disk, or make the data folder writable; the host goes on by itself");
        }
    }

    private static HostCheck Library(HostFacts facts) => facts.Store.Library.Contains("bundled", StringComparison.Ordinal)
        ? new("sqlite", CheckLevel.Warn, $"SQLite {facts.Store.Library} is in use: it is old", None, "install the system's SQLite library (Debian: apt-get install libsqlite3-0) and restart the host")
        : Ok("sqlite", $"SQLite {facts.Store.Library} is in use");

    private HostCheck Disk()
    {
        if (space.Read() is not var (free, total)) return new("disk", CheckLevel.Warn, "the free space cannot be read", None);
        var measured = None.Add("freeBytes", free.ToString(CultureInfo.InvariantCulture)).Add("totalBytes", total.ToString(CultureInfo.InvariantCulture));
        disk.Look();
        return disk.Failure is { } low
            ? new("disk", CheckLevel.Error, $"no new work starts: {low}", measured, $"make room: outputs are under {folder.Tasks}; the host goes on by itself")
            : new("disk", CheckLevel.Ok, $"{ByteSize.Describe(free)} are free where the data folder is", measured);
    }

    private HostCheck OutputCaps()
    {
        if (dropping.Obstacle is not { } obstacle) return Ok("output", "a log that outgrows its cap can be cut in its middle here");
        var text = settings.Defaults is { OutputCap: not null, OutputPolicy: not OutputPolicy.Stop } ? "; tasks that say nothing have no cap" : "";
        return new("output", CheckLevel.Warn, $"the policies keep-ends and tail are refused: {obstacle}{text}", None, "move the data folder to ext4, xfs, btrfs or tmpfs, or set output.policy to stop");
    }

    private HostCheck Folder()
    {
        if (OperatingSystem.IsWindows()) return Ok("folder", folder.Path);
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        var mode = File.GetUnixFileMode(folder.Path);
        return (mode & others) == 0
            ? Ok("folder", $"{folder.Path} belongs to its owner alone")
            : new("folder", CheckLevel.Error, $"others can reach {folder.Path} (mode {Convert.ToString((int)mode, 8)})", None, $"chmod 700 {folder.Path}");
    }

    private async Task<HostCheck> QuarantineAsync(CancellationToken cancel)
    {
        var rows = await store.ListQuarantinedAsync(cancel);
        return rows.IsEmpty
            ? Ok("quarantine", "every record can be read")
            : new("quarantine", CheckLevel.Warn, $"{rows.Length} records could not be read and were set aside: {string.Join("; ", rows.Take(5).Select(r => $"{r.Source}: {r.Reason}"))}",
                None.Add("rows", rows.Length.ToString(CultureInfo.InvariantCulture)), $"look into {folder.Quarantine}");
    }

    private async Task<HostCheck> SlotsAsync(CancellationToken cancel)
    {
        var (taken, held) = (dispatcher.Taken, attempts.All.Count(a => a.Place.IsHeld));
        if (taken != held)
        {
            // What is being claimed or settled at this moment is in neither.
            await Task.Delay(InFlight, time, cancel);
            (taken, held) = (dispatcher.Taken, attempts.All.Count(a => a.Place.IsHeld));
        }
        var live = attempts.Count;
        var measured = None.Add("taken", taken.ToString(CultureInfo.InvariantCulture)).Add("running", live.ToString(CultureInfo.InvariantCulture)).Add("queued", dispatcher.Queued.ToString(CultureInfo.InvariantCulture));
        if (taken == held && audit.Found is var (count, at, what))
            return new("slots", CheckLevel.Warn, $"{live} tasks run and {taken} places are taken, but that differed {(count == 1 ? "once" : $"{count} times")} since this host started, last at {at.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}: {what}",
                measured.Add("corrected", count.ToString(CultureInfo.InvariantCulture)), "it has been put right, and is a fault of Outlast all the same: report it with the host's log");
        return taken == held
            ? new("slots", CheckLevel.Ok, $"running: {Many(live, "task")}, in {Many(taken, "place")}; queued: {Many(dispatcher.Queued, "task")}{Full()}", measured)
            : new("slots", CheckLevel.Warn, $"{taken} places are taken, but running tasks hold {held}", measured.Add("held", held.ToString(CultureInfo.InvariantCulture)), "look again in two minutes: what differs that long is put right");
    }

    /// <summary>The keys that tasks wait for.</summary>
    private string Full()
    {
        var full = dispatcher.Counts.Where(c => c.Taken >= c.Max && c.Waiting > 0).OrderByDescending(c => c.Waiting).ToList();
        return full.Count == 0 ? "" : $"; full: {string.Join(", ", full.Take(5).Select(c => $"{c.Key} ({c.Taken} of {c.Max}, {c.Waiting} wait)"))}{(full.Count > 5 ? $" and {full.Count - 5} more" : "")}";
    }

    private HostCheck Due()
    {
        var (count, overdue) = (due.Count, due.Overdue);
        var measured = None.Add("moments", count.ToString(CultureInfo.InvariantCulture)).Add("overdue", overdue.Length.ToString(CultureInfo.InvariantCulture));
        if (!overdue.IsEmpty)
            return new("due", CheckLevel.Warn, $"{overdue.Length} moments have passed and nothing has come of them yet: {string.Join("; ", overdue.Take(5).Select(o => $"task {o.Task}: {o.What}, {o.At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}"))}",
                measured, "if the check 'store' is well, look again in a minute");
        return new("due", CheckLevel.Ok, due.Next is { } next ? $"{count} moments are to come, the next at {next.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}" : "no task waits for a moment", measured);
    }

    /// <summary>Of hosts that run code of their own program.</summary>
    private IEnumerable<HostCheck> Abandoned()
    {
        if (!runners.All.Any(r => r.Resumes)) return [];
        var abandoned = runners.All.Sum(r => r.Abandoned);
        return [abandoned == 0
            ? Ok("abandoned", "no code goes on without its task")
            : new("abandoned", CheckLevel.Warn, $"{abandoned} {(abandoned == 1 ? "handler has" : "handlers have")} not returned although {(abandoned == 1 ? "its task has" : "their tasks have")} ended: {(abandoned == 1 ? "it holds" : "they hold")} memory, and perhaps a thread, in this process",
                None.Add("abandoned", abandoned.ToString(CultureInfo.InvariantCulture)), "make the handlers hear their HardToken; what has not returned ends with the program")];
    }

    private async Task<HostCheck> NoticesAsync(CancellationToken cancel)
    {
        var sessions = await store.SessionsAsync(cancel: cancel);
        var open = sessions.Where(s => s.Queued + s.HandedOver > 0).OrderByDescending(s => s.Queued + s.HandedOver).ToList();
        var notices = open.Sum(s => s.Queued + s.HandedOver);
        var measured = None.Add("sessions", Text(open.Count)).Add("open", Text(notices)).Add("dropped", Text(sessions.Sum(s => s.Dropped))).Add("neverFetched", Text(pruner.NeverFetched));
        List<string> wrong = [.. courier.Troubles];
        if (pruner.NeverFetched > 0) wrong.Add($"dropped by this host because nobody acknowledged them: {pruner.NeverFetched}");
        string? unread = null;
        foreach (var session in open.Take(100))
        {
            var count = session.Queued + session.HandedOver;
            if (await store.NoticesAsync(new() { Session = session.Name, Limit = 1 }, cancel) is not [var oldest]) continue;
            var age = time.GetUtcNow() - oldest.At;
            if (age < LongUnread && count < ManyNotices) continue;
            unread ??= session.Name;
            wrong.Add($"session {session.Name}: {count} wait to be acknowledged, the oldest for {Duration.Format(TimeSpan.FromMinutes(Math.Ceiling(age.TotalMinutes)))}");
        }
        if (wrong.Count == 0) return new("notices", CheckLevel.Ok, $"to be acknowledged: {Many(notices, "notice")} of {Many(open.Count, "session")}", measured);
        return new("notices", CheckLevel.Warn, string.Join("; ", wrong.Take(10)), measured,
            unread is null ? null : $"read them: outlast inbox --session {Quoted(unread)} --ack; or, if nobody ever will: outlast session {Quoted(unread)} --close");

        static string Text(int count) => count.ToString(CultureInfo.InvariantCulture);

        // As one word of a shell, whatever somebody called it.
        static string Quoted(string name) => name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or ':' or '@') ? name : $"'{name.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }

    private static string Many(int count, string one) => count == 1 ? $"1 {one}" : $"{count.ToString(CultureInfo.InvariantCulture)} {one}s";

    private async Task<HostCheck> LeftoversAsync(HostFacts facts, CancellationToken cancel)
    {
        var ended = await store.ListAsync(new TaskQuery { States = [TaskState.Completed, TaskState.Failed, TaskState.TimedOut, TaskState.Stopped, TaskState.Lost], Limit = EndedTasksLookedAt }, cancel);
        var alive = ended.Where(r => r.End is not null && r.Process?.BootId == facts.BootId).SelectMany(r => r.End!.Leftovers.Where(IsAlive).Select(l => (r.Number, Process: l))).ToList();
        return alive.Count == 0
            ? Ok("leftovers", $"no process of the newest {ended.Length} ended tasks is alive")
            : new("leftovers", CheckLevel.Warn, "ended tasks left processes behind: " + string.Join("; ", alive.Take(10).Select(a => $"task {a.Number}: pid {a.Process.Pid} {a.Process.Command}")),
                None.Add("processes", alive.Count.ToString(CultureInfo.InvariantCulture)), $"if they are not wanted: outlast stop {string.Join(' ', alive.Select(a => a.Number).Distinct().Take(10))} --leftovers");
    }

    /// <summary>Whether that very process, not another with its pid, is alive.</summary>
    private static bool IsAlive(Survivor process) => ProcessStat.TryRead(process.Pid) is { IsDead: false } stat && stat.StartTicks == process.StartTicks;

    private static HostCheck Platform() => OperatingSystem.IsLinux()
        ? Ok("platform", "Linux: processes outlive the host and are adopted")
        : new("platform", CheckLevel.Error, "processes can be kept on Linux only", None, "run Outlast on Linux");

    private static ImmutableSortedDictionary<string, string> None => ImmutableSortedDictionary<string, string>.Empty;

    private static HostCheck Ok(string name, string text) => new(name, CheckLevel.Ok, text, None);
}
