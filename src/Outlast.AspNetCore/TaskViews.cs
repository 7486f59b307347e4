using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>What the wire shows of the vocabulary. Values of an environment never get here.</summary>
internal static class TaskViews
{
    private static readonly RetryOn[] Ends = [RetryOn.Failed, RetryOn.Lost, RetryOn.TimedOut];
    // Most tasks of a host have the same environment, the host's own.
    private static readonly ConditionalWeakTable<ImmutableSortedDictionary<string, string>, string[]> EnvironmentNames = [];

    public static TaskView Of(TaskSnapshot snapshot)
    {
        var record = snapshot.Record;
        return new()
        {
            Id = record.Id.ToString(),
            Number = record.Number,
            Kind = Names.Of(record.Spec.Kind),
            Name = record.Spec.Name,
            State = Names.Of(record.State),
            Attempt = record.Attempt,
            Version = record.Version,
            Session = record.Spec.Session,
            Parent = record.Parent?.ToString(),
            Root = record.Root.ToString(),
            Depth = record.Depth,
            Notices = snapshot.Notices.IsEmpty ? null : snapshot.Notices.ToDictionary(n => Names.Of(n.Key), n => n.Value),
            RetryOf = record.RetryOf?.ToString(),
            Group = record.Spec.Group,
            Notify = record.Spec.Notify == NotifyPolicy.Each ? null : Names.Of(record.Spec.Notify),
            Labels = record.Spec.Labels.IsEmpty ? null : record.Spec.Labels,
            Spec = Of(record.Spec),
            Limits = Of(record.Limits),
            Queue = snapshot.Queue is { } queue ? new(queue.Position, queue.WaitsFor) : null,
            Process = snapshot.Process is { } p ? new(p.Pid, p.CommandPid, p.BootId, p.StartTicks) : null,
            Adoptions = record.Adoptions,
            IdleMs = Milliseconds(snapshot.Idle),
            Stop = record.Stop is { } stop ? Of(stop) : null,
            Phase = record.IsFinishing ? "finishing" : null,
            Below = BelowOf(record),
            Output = new(snapshot.Output.Bytes, snapshot.Output.ErrorBytes, snapshot.Output.DroppedBytes, snapshot.Output.LostBytes, snapshot.Output.RemovedAt, snapshot.Output.RemovedReason),
            CreatedAt = record.CreatedAt,
            NotBefore = record.NotBefore,
            StartedAt = record.StartedAt,
            LastActivityAt = snapshot.LastActivityAt,
            EndedAt = record.EndedAt,
            End = record.End is { } end ? Of(end) : null,
            Survivors = snapshot.Survivors.IsDefaultOrEmpty ? null : [.. snapshot.Survivors.Select(Of)],
            Annotations = [.. record.Annotations.Select(a => new AnnotationView(a.At, a.Text))],
        };
    }

    public static LiveView Of(LiveFacts now) =>
        new(Milliseconds(now.Cpu)!.Value, now.MemoryBytes, now.Processes, now.CpuPercent is { } percent ? Math.Round(percent, 1) : null, (long?)now.OutputBytesPerSecond);

    public static WaitView Of(WaitResult seen) => new(seen.Done, [.. seen.Ended.Select(Of)], [.. seen.Open.Select(id => id.ToString())], [.. seen.Removed.Select(Of)]);

    public static TaskTreeView Of(TaskTree tree) => new(Of(tree.Task), [.. tree.Children.Select(Of)]);

    public static RemovedView Of(Tombstone tombstone) => new(tombstone.Id.ToString(), tombstone.Number, Names.Of(tombstone.State), tombstone.EndedAt, tombstone.RemovedAt, tombstone.Reason);

    public static LeftoversView Of(LeftoverSnapshot left) => new(Of(left.Task), [.. left.Ended.Select(Of)], [.. left.Survivors.Select(Of)]);

    public static EventView Of(TaskEvent happened) => new()
    {
        Seq = happened.Seq,
        Task = happened.Task?.ToString(),
        Session = happened.Session,
        TaskSeq = happened.Task is null ? null : happened.TaskSeq,
        Type = Names.Of(happened.Type),
        At = happened.At,
        State = happened.State is { } state ? Names.Of(state) : null,
        Attempt = happened.Attempt,
        Data = happened.Data,
    };

    public static HostView Of(IHostStatus host)
    {
        var facts = host.Facts;
        var (running, queued) = host.Load;
        return new()
        {
            Version = facts.Version,
            HostId = facts.HostId.Value,
            BootId = facts.BootId,
            Epoch = facts.Epoch,
            Pid = Environment.ProcessId,
            StartedAt = facts.StartedAt,
            DataFolder = facts.DataFolder,
            Program = facts.Program,
            Store = new(facts.Store.Kind, facts.Store.Library, facts.Store.Durability),
            Capabilities = facts.Capabilities,
            Limits = [.. facts.Settings.Select(s => new SettingView(s.Key, s.Value, s.From))],
            Running = running,
            Queued = queued,
            NextDue = host.NextDue,
        };
    }

    public static CheckView Of(HostCheck check) => new(check.Name, Names.Of(check.Level), check.Text, check.Measured, check.Do);

    private static SpecView Of(TaskSpec spec)
    {
        var names = spec.Process is { } process ? EnvironmentNames.GetValue(process.Environment, static e => [.. e.Keys]) : null;
        return new()
        {
            Process = spec.Process is null ? null : Of(spec.Process, names!),
            Agent = spec.Agent,
            Handler = spec.Handler,
            TimeoutMs = Milliseconds(spec.Timeout),
            IdleTimeoutMs = Milliseconds(spec.IdleTimeout),
            IdleWarningMs = Milliseconds(spec.IdleWarning),
            StopGraceMs = (long)spec.StopGrace.TotalMilliseconds,
            Repeatable = spec.Repeatable ? true : null,
            WhenFull = spec.RefuseWhenFull ? "refuse" : null,
            At = spec.NotBefore,
            StartBy = spec.StartBy,
            Priority = spec.Priority == 0 ? null : spec.Priority,
            Retry = spec.Retry is { } retry ? new(retry.Max, (long)retry.Backoff.TotalMilliseconds, [.. Ends.Where(end => retry.On.HasFlag(end)).Select(Names.Of)]) : null,
            Detached = spec.Detached ? true : null,
            Children = spec.Children == ChildPolicy.Wait ? null : Names.Of(spec.Children),
            Budget = spec.Budget is { } budget ? new(Milliseconds(budget.WallTime), budget.OutputBytes, budget.Tasks) : null,
            EnvNames = names,
        };
    }

    private static BelowView? BelowOf(TaskRecord record)
    {
        var (isTop, stopped) = (record.Parent is null, record.Below is { Stopped: > 0 } below ? (int?)below.Stopped : null);
        return record.EverBelow == 0 && stopped is null ? null : new(isTop ? record.OpenBelow : null, record.EverBelow > 0 ? record.EverBelow : null, stopped);
    }

    private static ProcessSpecView Of(ProcessSpec process, IReadOnlyList<string> names) => new()
    {
        Argv = process.Argv,
        Cwd = process.Cwd,
        Stdin = process.Stdin.Kind switch { StdinKind.None => StdinView.None, StdinKind.Fifo => StdinView.Fifo, StdinKind.Open => StdinView.Open, StdinKind.Text => StdinView.Of(process.Stdin.Text!) },
        Stderr = Names.Of(process.Stderr),
        OutputVia = Names.Of(process.OutputVia),
        OutputCap = process.OutputCap ?? 0,
        OutputPolicy = process.OutputCap is null ? null : Names.Of(process.OutputPolicy),
        Leftovers = Names.Of(process.Leftovers),
        StopSignal = process.StopSignal,
        Umask = process.Umask is { } umask ? Convert.ToString(umask, 8).PadLeft(3, '0') : null,
        OpenFiles = process.OpenFiles,
        EnvNames = names,
    };

    private static LimitsView? Of(TaskLimits limits) =>
        limits is { Timeout: null, IdleTimeout: null, IdleWarning: null } ? null : new(Milliseconds(limits.Timeout), Milliseconds(limits.IdleTimeout), Milliseconds(limits.IdleWarning));

    private static StopView Of(StopRequest stop) => new()
    {
        Cause = Names.Of(stop.Cause),
        Actor = Of(stop.Actor),
        Reason = stop.Reason,
        RequestedAt = stop.RequestedAt,
        Now = stop.Now ? true : null,
        Measured = stop.Measured.IsEmpty ? null : stop.Measured,
    };

    private static EndView Of(TaskEnd end) => new()
    {
        State = Names.Of(end.State),
        Cause = Names.Of(end.Cause),
        Reason = end.Reason,
        ExitCode = end.Exit?.Code,
        Signal = end.Exit?.Signal,
        Leftovers = [.. end.Leftovers.Select(Of)],
        Actor = end.Actor is { } actor ? Of(actor) : null,
        Measured = end.Measured.IsEmpty ? null : end.Measured,
        Error = end.Error is { } error ? new(error.Type, error.Message, error.Stack) : null,
        Result = end.Result,
        Evidence = end.Evidence,
        Resources = end.Resources is { } used ? new((long)used.Wall.TotalMilliseconds, Milliseconds(used.Cpu), used.PeakBytes) : null,
    };

    private static ActorView Of(Actor actor) => new(Names.Of(actor.Type), actor.Id, actor.Via);

    private static SurvivorView Of(Survivor survivor) => new(survivor.Pid, survivor.StartTicks, survivor.Command);

    private static long? Milliseconds(TimeSpan? time) => (long?)time?.TotalMilliseconds;
}
