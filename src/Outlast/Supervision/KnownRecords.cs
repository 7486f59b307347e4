using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Outlast.Supervision;

/// <summary>How much is kept of records that wait: what is claimed soon after it was submitted need not be read again; all of a long queue, or of one of large inputs, would fill the memory.</summary>
internal sealed class KnownRecords
{
    // Some two thousand small ones.
    private const long MostBytes = 4 << 20;
    private const long BytesOfSmallest = 2048;

    private long _bytes;
    private ImmutableSortedDictionary<string, string>? _environment;

    /// <summary>Keeps it with the task, if there is room.</summary>
    public void Keep(QueuedTask task, TaskRecord record)
    {
        Drop(task);
        if (Weigh(record.Spec) is not { } bytes || _bytes + bytes > MostBytes) return;
        _bytes += bytes;
        (task.Known, task.KnownBytes) = (record, bytes);
    }

    /// <summary>The task waits no more, or its record is another by now.</summary>
    public void Drop(QueuedTask task)
    {
        _bytes -= task.KnownBytes;
        (task.Known, task.KnownBytes) = (null, 0);
    }

    /// <summary>What its largest parts take in memory, in bytes; none if its input is there no more.</summary>
    private long? Weigh(TaskSpec spec)
    {
        var bytes = BytesOfSmallest;
        try
        {
            if (spec.Input is { } input) bytes += JsonMarshal.GetRawUtf8Value(input).Length;
        }
        catch (Exception e) when (e is ObjectDisposedException or InvalidOperationException)
        {
            // A program may have disposed the document that it took it from.
            return null;
        }
        if (spec.Process is not { } process) return bytes;
        bytes += BytesOf(process.Stdin.Text);
        foreach (var argument in process.Argv) bytes += BytesOf(argument);
        // A host's own is one object for many.
        if (ReferenceEquals(process.Environment, _environment)) return bytes;
        _environment = process.Environment;
        foreach (var (name, value) in process.Environment) bytes += BytesOf(name) + BytesOf(value);
        return bytes;
    }

    /// <summary>With what an object takes beside its text.</summary>
    private static long BytesOf(string? text) => text is null ? 0 : 32 + 2 * text.Length;
}
