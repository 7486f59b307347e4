using System.Runtime.InteropServices;

namespace Outlast.Supervision;

/// <summary>How much is kept of records that wait: what is claimed soon after it was submitted need not be read again; all of a long queue, or of one of large inputs, would fill the memory.</summary>
internal sealed class KnownRecords
{
    // Some two thousand small ones.
    private const long MostBytes = 4 << 20;
    private const long BytesOfSmallest = 2048;

    private long _bytes;

    /// <summary>Keeps it with the task, if there is room.</summary>
    public void Keep(QueuedTask task, TaskRecord record)
    {
        Drop(task);
        var bytes = Weigh(record.Spec);
        if (_bytes + bytes > MostBytes) return;
        _bytes += bytes;
        task.Known = record;
    }

    /// <summary>The task waits no more, or its record is another by now.</summary>
    public void Drop(QueuedTask task)
    {
        if (task.Known is not { } record) return;
        _bytes -= Weigh(record.Spec);
        task.Known = null;
    }

    /// <summary>Bytes, roughly. An environment is mostly one object for many.</summary>
    private static long Weigh(TaskSpec spec)
    {
        var bytes = BytesOfSmallest;
        if (spec.Input is { } input) bytes += JsonMarshal.GetRawUtf8Value(input).Length;
        if (spec.Process is { } process) bytes += 2L * (process.Argv.Sum(a => a.Length) + (process.Stdin.Text?.Length ?? 0));
        return bytes;
    }
}
