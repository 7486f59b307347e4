using System.Collections.Immutable;
using System.Globalization;
using Outlast.Diagnostics;

namespace Outlast.Runners.Processes;

/// <summary>One stop of one attempt, from asking to looking whether anything is left.</summary>
internal sealed class StopLadder(
    ProcessAttempt attempt, ProcessSpec spec, TimeSpan grace, StopRequest stop, ProcessWalker walker, ProcessWatcher watcher, ProcessRunnerOptions options, TimeProvider time)
{
    // A signal this soon after the start may reach a wrapper that has not forked yet: it would keep it to itself. The file's clock may lag by a timer tick.
    private static readonly TimeSpan Youth = TimeSpan.FromMilliseconds(120);
    private static readonly TimeSpan SecondSignalAfter = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenKills = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LeastGraceOfSuccessor = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _hurry = new();
    private readonly HashSet<(int, long)> _asked = [];
    private readonly List<string> _evidence = [];
    private readonly int _signal = Signals.TryParse(spec.StopSignal) ?? throw new ArgumentException($"'{spec.StopSignal}' is no signal.");
    private readonly long _began = time.GetTimestamp();
    private readonly DateTimeOffset _beganAt = time.GetUtcNow();
    private readonly TaskCompletionSource<StopReport> _report = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _climbers;
    private bool _sparesHost, _isProof;

    public bool IsOver => Report.IsCompleted;

    /// <summary>Whether it has looked last when nothing at all was left.</summary>
    public bool HasProvedAllGone => Report.IsCompletedSuccessfully && Report.Result.Survivors.IsEmpty && _isProof && !_sparesHost;

    /// <summary>Skips the rest of the grace.</summary>
    public void Hurry() => _hurry.Cancel();

    /// <summary>What the stop found in the end.</summary>
    public Task<StopReport> Report => _report.Task;

    /// <summary>Climbs it, or waits for whoever does.</summary>
    public async Task<StopReport> ClimbOnceAsync(CancellationToken letGo)
    {
        if (Interlocked.Exchange(ref _climbers, 1) != 0) return await Report.WaitAsync(letGo).ConfigureAwait(false);
        try
        {
            var report = await ClimbAsync(letGo).ConfigureAwait(false);
            _report.TrySetResult(report);
            return report;
        }
        catch (Exception e)
        {
            _report.TrySetException(e);
            _ = Report.Exception; // Whoever climbs throws it; others need not be there.
            throw;
        }
    }

    private async Task<StopReport> ClimbAsync(CancellationToken letGo)
    {
        var isRevoked = RevokeStart();
        // The group is asked before anybody is looked for: on a machine with many processes a look takes longer than a signal.
        var ask = isRevoked || IsImpatient ? null : AskGroup();
        var living = await LookAsync(letGo).ConfigureAwait(false);
        if (ask is not null) living = await AskAndWaitAsync(ask, living, letGo).ConfigureAwait(false);
        if (!living.IsEmpty) living = await KillAsync(living, letGo).ConfigureAwait(false);
        return Conclude(living);
    }

    private bool IsImpatient => stop.Now || _signal == Signals.Kill || _hurry.IsCancellationRequested;

    /// <summary>A wrapper that has not said yet that it started must not: whoever makes the pid file first has won.</summary>
    private bool RevokeStart()
    {
        try
        {
            if (!Directory.Exists(attempt.Folder.Path) || attempt.Folder.ReadPid().Exists || !attempt.Folder.TryRevoke()) return false;
            Note("start revoked before the command ran");
            return true;
        }
        catch (SystemCallException e)
        {
            // No room for the file, or its folder is gone: then the ladder must do.
            Note($"its start could not be revoked ({e.Message})");
            return false;
        }
    }

    private async Task<ImmutableArray<ProcessStat>> AskAndWaitAsync(GroupAsked group, ImmutableArray<ProcessStat> living, CancellationToken letGo)
    {
        if (living.IsEmpty) return living;
        AskOthers(group, living);
        Milestone.Reach(Milestone.StopSignalSent, attempt.Task);
        var (asked, isYoung, patience) = (group.At, group.IsYoung, group.Patience);
        var look = SecondSignalAfter;
        while (!living.IsEmpty && patience - time.GetElapsedTime(asked) is var rest && rest > TimeSpan.Zero && !IsImpatient)
        {
            await WaitForEndAsync(living, rest < look ? rest : look, letGo).ConfigureAwait(false);
            living = await LookAsync(letGo).ConfigureAwait(false);
            if (isYoung) AskAgain(living);
            isYoung = false;
            AskNewborn(living);
            look = look * 2 < LongestLook ? look * 2 : LongestLook;
        }
        return living;
    }

    /// <summary>The grace counts from the request, across hosts; but one who took over asks again, and waits for an answer. Read from the wall clock once: it may be set while the grace lasts.</summary>
    private TimeSpan RestOfGrace()
    {
        var rest = stop.RequestedAt + grace - time.GetUtcNow();
        if (rest > grace) rest = grace; // The clock was set back.
        var isSuccessor = attempt.AdoptedAt is { } adoptedAt && adoptedAt > stop.RequestedAt;
        return isSuccessor && rest < LeastGraceOfSuccessor ? LeastGraceOfSuccessor : rest;
    }

    /// <param name="Group">The group's number; 0 if there is none any more.</param>
    /// <param name="AtTicks">When, as the system counts the starts of processes.</param>
    /// <param name="At">When, by the monotonic clock.</param>
    /// <param name="Patience">How long the answer may take from then on.</param>
    /// <param name="IsYoung">Whether the wrapper may have kept the signal to itself.</param>
    private sealed record GroupAsked(int Group, long AtTicks, long At, TimeSpan Patience, bool IsYoung);

    private GroupAsked AskGroup()
    {
        var isYoung = time.GetUtcNow() - File.GetLastWriteTimeUtc(attempt.Folder.Pid) < Youth;
        // Before anybody can answer: from here on the wall clock may be set to whatever it likes.
        var patience = RestOfGrace();
        var group = attempt.Wrapper is { } leader && Signals.SendToGroup(leader.Pid, leader.StartTicks, _signal) ? leader.Pid : 0;
        var asked = new GroupAsked(group, ProcessStat.TicksNow(), time.GetTimestamp(), patience, isYoung);
        if (group == 0) return asked;
        // A stopped process sees nothing but this one.
        Signals.SendToGroup(group, attempt.Wrapper!.Value.StartTicks, Signals.Continue);
        Note($"{Signals.NameOf(_signal)} to group {group}");
        return asked;
    }

    private void AskOthers(GroupAsked group, ImmutableArray<ProcessStat> living)
    {
        foreach (var process in living)
        {
            if (process.Group == group.Group && process.StartTicks <= group.AtTicks) _asked.Add((process.Pid, process.StartTicks));
        }
        // What the group has started since, to tidy up perhaps, is asked at the next look, like whoever is born during the grace.
        AskNewborn(living.RemoveAll(p => p.Group == group.Group));
    }

    private void AskNewborn(ImmutableArray<ProcessStat> living)
    {
        foreach (var process in living)
        {
            if (_asked.Add((process.Pid, process.StartTicks))) AskOne(process);
        }
    }

    private void AskAgain(ImmutableArray<ProcessStat> living)
    {
        foreach (var process in living)
        {
            if (process.Session != attempt.Wrapper?.Pid || process.Pid == attempt.Wrapper?.Pid) continue;
            _asked.Add((process.Pid, process.StartTicks));
            AskOne(process);
        }
    }

    private void AskOne(ProcessStat process)
    {
        if (HostProcesses.IsHost(process.Pid) || !Signals.Send(process.Pid, process.StartTicks, _signal)) return;
        Signals.Send(process.Pid, process.StartTicks, Signals.Continue);
        Note($"{Signals.NameOf(_signal)} to {process.Pid}");
    }

    private async Task<ImmutableArray<ProcessStat>> KillAsync(ImmutableArray<ProcessStat> living, CancellationToken letGo)
    {
        var began = time.GetTimestamp();
        var killed = new HashSet<(int, long)>();
        Note("KILL");
        for (var round = 0; ; round++)
        {
            if (attempt.Wrapper is { } leader) Signals.SendToGroup(leader.Pid, leader.StartTicks, Signals.Kill);
            var isNewborn = false;
            foreach (var process in living)
            {
                isNewborn |= killed.Add((process.Pid, process.StartTicks));
                if (!HostProcesses.IsHost(process.Pid)) Signals.Send(process.Pid, process.StartTicks, Signals.Kill);
            }
            if (round == 0) Milestone.Reach(Milestone.KillSent, attempt.Task);
            // Who forks and ends while one looks is not seen by a look: only who kills while looking meets it.
            var isCaught = (!_isProof || (round > 0 && isNewborn)) && await Task.Run(() => Hunt(began, letGo), letGo).ConfigureAwait(false);
            await WaitForEndAsync(living, BetweenKills, letGo).ConfigureAwait(false);
            living = await LookAsync(letGo).ConfigureAwait(false);
            _isProof |= isCaught;
            if ((living.IsEmpty && _isProof) || time.GetElapsedTime(began) >= options.KillLimit) return living;
        }
    }

    private bool Hunt(long began, CancellationToken letGo) => new ProcessHunt(attempt.Task, attempt.Wrapper).Run(
        p => Signals.Send(p.Pid, p.StartTicks, Signals.Kill) || true,
        () => time.GetElapsedTime(began) < options.KillLimit && !letGo.IsCancellationRequested);

    private StopReport Conclude(ImmutableArray<ProcessStat> living)
    {
        var survivors = living.Select(p => new Survivor(p.Pid, p.StartTicks, ProcFile.CommandLine(p.Pid))).ToImmutableArray();
        Note(!survivors.IsEmpty ? $"still alive: {string.Join(", ", survivors.Select(s => s.Pid))}" : _isProof ? "verified gone" : "nothing of it is seen, but processes come and go too fast to verify it");
        Milestone.Reach(Milestone.StopVerified, attempt.Task);
        attempt.ConcludeStop();
        return new StopReport(survivors, [.. _evidence]);
    }

    private async Task<ImmutableArray<ProcessStat>> LookAsync(CancellationToken letGo)
    {
        (var living, var hosts, _isProof) = await walker.LookForAsync(attempt, letGo).ConfigureAwait(false);
        _sparesHost = !hosts.IsEmpty;
        return living;
    }

    /// <summary>Until all of them are dead, the time is over, or somebody is in a hurry.</summary>
    private async Task WaitForEndAsync(ImmutableArray<ProcessStat> living, TimeSpan atMost, CancellationToken letGo)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(letGo, IsImpatient ? CancellationToken.None : _hurry.Token);
        var ends = Task.WhenAll(living.Select(p => watcher.AwaitEndAsync(p.Pid, p.StartTicks, wait.Token)));
        var delay = Task.Delay(atMost, time, wait.Token);
        await Task.WhenAny(ends, delay).ConfigureAwait(false);
        await wait.CancelAsync().ConfigureAwait(false);
        letGo.ThrowIfCancellationRequested();
    }

    private void Note(string what)
    {
        var since = _beganAt - stop.RequestedAt + time.GetElapsedTime(_began);
        _evidence.Add($"{what} at {(since < TimeSpan.Zero ? 0 : since.TotalSeconds).ToString("0.0", CultureInfo.InvariantCulture)} s");
    }
}
