using Outlast.Output;

namespace Outlast.AspNetCore;

/// <summary>What a task printed, from wherever its attempts put it.</summary>
/// <remarks>An attempt has a log of its own, whose offsets begin at 0; a task's output is its last attempt's. Who follows goes from each attempt to the next, and leaves none out.</remarks>
internal sealed class TaskOutput : IDisposable
{
    private static readonly TimeSpan LookForAttempts = TimeSpan.FromSeconds(1);

    private readonly ITaskClient _tasks;
    private readonly TaskId _id;
    private readonly bool _errorStream;
    private readonly TimeProvider _time;
    private long _located;
    // The last attempt that is known of.
    private int _last;

    private TaskOutput(ITaskClient tasks, TaskId id, bool errorStream, OutputLocation location, int? earlier, TimeProvider time)
    {
        (_tasks, _id, _errorStream, _time) = (tasks, id, errorStream, time);
        _located = time.GetTimestamp();
        Record = location.Record;
        _last = Number(location.Record.Attempt);
        Attempt = earlier ?? location.Record.Attempt;
        Log = new(earlier is { } one ? OfAttempt(location.Path, one) : location.Path);
    }

    /// <summary>The task, read before the log was looked at.</summary>
    public TaskRecord Record { get; }

    public OutputLog Log { get; private set; }

    /// <summary>Whose log it is.</summary>
    public int Attempt { get; private set; }

    /// <summary>Whether that is an attempt before the last: nothing comes any more, and the record tells nothing of its log.</summary>
    public bool IsEarlier => Number(Attempt) < _last;

    public bool HasEnded => IsEarlier || Record.State.IsTerminal();

    /// <param name="tasks">Knows where outputs are.</param>
    /// <param name="id">Of that task.</param>
    /// <param name="errorStream">The separate standard error instead.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="attempt">Of that attempt; none: of the last.</param>
    /// <exception cref="RefusedException">There is no such output.</exception>
    public static async Task<TaskOutput> FindAsync(ITaskClient tasks, TaskId id, bool errorStream, TimeProvider time, CancellationToken cancel, int? attempt = null)
    {
        var location = await tasks.LocateOutputAsync(id, errorStream, cancel).ConfigureAwait(false);
        if (errorStream && location.Record.Spec.Process is not { Stderr: StderrMode.Separate })
            throw new RefusedException(Problem.Invalid(new Dictionary<string, string[]> { ["stream"] = ["standard error is part of the output of this task"] }, "The request cannot be understood"));
        if (location.Record.Output is { RemovedAt: { } removedAt, RemovedReason: var reason }) throw new RefusedException(Problem.OutputRemoved(removedAt, reason));
        if (attempt > Number(location.Record.Attempt))
            throw new RefusedException(Problem.Invalid(new Dictionary<string, string[]> { ["attempt"] = [$"'{attempt}' is not there: the task has had {location.Record.Attempt}"] }, "The request cannot be understood"));
        return new(tasks, id, errorStream, location, attempt < location.Record.Attempt ? attempt : null, time);
    }

    /// <summary>What there is, and what there was: an ended task's record knows how much it printed, whatever became of the file.</summary>
    public OutputExtent Measure()
    {
        // The range first: what is removed meanwhile lies before the size that is read after it.
        var gone = Log.Dropped();
        var there = Log.Size();
        return new(there, HasEnded && !IsEarlier ? Math.Max(there, Recorded(Record)) : there, gone);
    }

    /// <summary>How many bytes of this stream a record tells of.</summary>
    public long Recorded(TaskRecord record) => _errorStream ? record.Output.ErrorBytes : record.Output.Bytes;

    /// <summary>A follower from an offset on.</summary>
    public OutputFollower Follow(long offset, Task ended) => new(Log, offset, ended, _time);

    /// <summary>Whether another attempt has begun, and what is left of the log of the one before is still to be read.</summary>
    public bool IsMoving { get; private set; }

    /// <summary>Looks, now and then, whether another attempt has begun; called when there was nothing to read. True: <see cref="Log"/> is the next one's.</summary>
    public async ValueTask<bool> HasMovedAsync(bool lookNow, CancellationToken cancel)
    {
        if (!IsEarlier)
        {
            if (!lookNow && Log.Exists && _time.GetElapsedTime(_located) < LookForAttempts) return false;
            _located = _time.GetTimestamp();
            _last = Number((await _tasks.LocateOutputAsync(_id, _errorStream, cancel).ConfigureAwait(false)).Record.Attempt);
            if (!IsEarlier) return false;
        }
        // What the attempt before printed last may have come after the look that found nothing: one look more.
        IsMoving = !IsMoving;
        if (IsMoving) return false;
        Attempt = Number(Attempt) + 1;
        var next = OfAttempt(Log.Path, Attempt);
        Log.Dispose();
        Log = new(next);
        return true;
    }

    /// <summary>A task that nobody has tried yet will print in its first attempt.</summary>
    private static int Number(int attempt) => Math.Max(1, attempt);

    /// <summary>Completes with the task at its end.</summary>
    public async Task<TaskSnapshot> EndAsync(CancellationToken cancel)
    {
        while (true)
        {
            var snapshot = await _tasks.WaitAsync(_id, TimeSpan.FromHours(1), cancel).ConfigureAwait(false);
            if (snapshot.Record.State.IsTerminal()) return snapshot;
        }
    }

    public void Dispose() => Log.Dispose();

    /// <summary>The same log in the folder of another attempt, beside that of the last.</summary>
    private static string OfAttempt(string path, int attempt) =>
        Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(path))!, attempt.ToString(System.Globalization.CultureInfo.InvariantCulture), Path.GetFileName(path));
}

/// <summary>How far an output reaches.</summary>
/// <param name="There">The size of what can be read.</param>
/// <param name="Size">The size of what was printed; larger only where the log of an ended task was damaged.</param>
/// <param name="Gone">What its cap has removed.</param>
internal sealed record OutputExtent(long There, long Size, DroppedRange Gone)
{
    public long Dropped => Gone.Length + Size - There;

    /// <summary>The first offset from there on that is not gone.</summary>
    public long From(long offset) => Gone.Contains(offset) ? Gone.To : offset;

    /// <summary>How far one can read on from there.</summary>
    public long Until(long offset) => offset < Gone.From && Gone.Length > 0 ? Gone.From : There;
}
