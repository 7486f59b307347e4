using System.Collections.Immutable;

namespace Outlast.Runners.Processes;

/// <summary>What becomes of processes that outlive their command.</summary>
internal sealed class Leftovers(ProcessWalker walker, ProcessWatcher watcher, ProcessRunnerOptions options, TimeProvider time)
{
    private static readonly Actor Policy = Actor.Rule("leftovers");

    /// <summary>Does with them what the task asked for, the command having ended; a stop that is asked takes all of them anyway. Begun anew by the next host.</summary>
    /// <returns>What the end is to say of it.</returns>
    public async Task<ImmutableArray<string>> AttendAsync(ProcessAttempt attempt, AttemptContext context, CancellationToken letGo) => context.Spec.Process!.Leftovers switch
    {
        LeftoverPolicy.Keep => [],
        LeftoverPolicy.Stop => await StopAsync(attempt, context, letGo).ConfigureAwait(false),
        LeftoverPolicy.Wait => await WaitAsync(attempt, context, letGo).ConfigureAwait(false),
    };

    /// <summary>Waits until nothing of the task is alive, or a stop has done all it can.</summary>
    /// <param name="attempt">The attempt, whose wrapper is gone.</param>
    /// <param name="found">Called once, with what was found alive, if anything was.</param>
    /// <param name="letGo">The host goes.</param>
    public async Task AwaitAllGoneAsync(ProcessAttempt attempt, Func<ImmutableArray<ProcessStat>, Task> found, CancellationToken letGo)
    {
        for (var isFirst = true; ; isFirst = false)
        {
            var living = await LookAsync(attempt, letGo).ConfigureAwait(false);
            if (living.IsEmpty || attempt.StopConcluded.IsCompleted) return;
            if (isFirst) await found(living).ConfigureAwait(false);
            var ends = Task.WhenAll(living.Select(p => watcher.AwaitEndAsync(p.Pid, p.StartTicks, letGo)));
            await Task.WhenAny(ends, attempt.StopConcluded).WaitAsync(letGo).ConfigureAwait(false);
        }
    }

    /// <summary>Those of the named processes that are alive still, each that very one.</summary>
    public static ImmutableArray<Survivor> FindAlive(AttemptContext context, AttemptFolder folder, ImmutableArray<Survivor> named) =>
        IsOfThisBoot(context, folder) ? [.. named.Where(IsAlive)] : [];

    /// <summary>Ends what an ended attempt has left: what its end named, and what is marked as its task's. Its session is left out: the number may be another's by now.</summary>
    public async Task<LeftoverReport> EndAsync(AttemptContext context, ImmutableArray<Survivor> named, StopRequest stop, CancellationToken letGo)
    {
        var folder = new AttemptFolder(context.Folder);
        var attempt = new ProcessAttempt(context.Task, folder);
        if (IsOfThisBoot(context, folder)) attempt.Remember(named);
        var living = Name(await LookAsync(attempt, letGo).ConfigureAwait(false));
        if (living.IsEmpty) return new([], [], []);
        var ladder = new StopLadder(attempt, context.Spec.Process!, context.Spec.StopGrace, stop, walker, watcher, options, time);
        var report = await ladder.ClimbOnceAsync(letGo).ConfigureAwait(false);
        return new([.. living.Where(l => !report.Survivors.Any(s => s.Pid == l.Pid && s.StartTicks == l.StartTicks))], report.Survivors, report.Evidence);
    }

    private async Task<ImmutableArray<string>> StopAsync(ProcessAttempt attempt, AttemptContext context, CancellationToken letGo)
    {
        if (context.StopAsked() is not null) return [];
        var living = Name(await LookAsync(attempt, letGo).ConfigureAwait(false));
        if (living.IsEmpty) return [];
        // The grace counts from the command's end, also under the next host.
        var request = new StopRequest { Cause = EndCause.Exit, Actor = Policy, RequestedAt = attempt.Folder.ReadExit() is null ? time.GetUtcNow() : File.GetLastWriteTimeUtc(attempt.Folder.Exit) };
        var ladder = attempt.JoinLadder(() => new StopLadder(attempt, context.Spec.Process!, context.Spec.StopGrace, request, walker, watcher, options, time));
        var report = await ladder.ClimbOnceAsync(letGo).ConfigureAwait(false);
        return [$"its command had ended and left processes behind, which were stopped (leftovers stop): {Tell(living)}", .. report.Evidence];
    }

    private async Task<ImmutableArray<string>> WaitAsync(ProcessAttempt attempt, AttemptContext context, CancellationToken letGo)
    {
        ImmutableArray<string> evidence = [];
        await AwaitAllGoneAsync(attempt, async living =>
        {
            evidence = [$"its command had ended and left processes behind, which were waited for (leftovers wait): {Tell(Name(living))}"];
            if (context.StopAsked() is null) await context.Annotated("Its command has ended; the task is over when the processes that it left behind have gone (leftovers wait).").ConfigureAwait(false);
        }, letGo).ConfigureAwait(false);
        return evidence;
    }

    private async Task<ImmutableArray<ProcessStat>> LookAsync(ProcessAttempt attempt, CancellationToken letGo) =>
        (await walker.LookForAsync(attempt, letGo).ConfigureAwait(false)).Living;

    private static bool IsOfThisBoot(AttemptContext context, AttemptFolder folder) => (context.Process?.BootId ?? folder.ReadBootId()) == Machine.BootId;

    private static bool IsAlive(Survivor process) => ProcessStat.TryRead(process.Pid) is { IsDead: false } stat && stat.StartTicks == process.StartTicks;

    private static ImmutableArray<Survivor> Name(ImmutableArray<ProcessStat> processes) => [.. processes.Select(p => new Survivor(p.Pid, p.StartTicks, ProcFile.CommandLine(p.Pid)))];

    private static string Tell(ImmutableArray<Survivor> processes) => string.Join(", ", processes.Select(p => $"{p.Pid} {p.Command}"));
}
