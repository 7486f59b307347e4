using System.Collections.Immutable;
using System.Text.Json;
using Outlast.Supervision;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

/// <summary>What is kept of the records of a queue.</summary>
public sealed class KnownRecordsTests
{
    private static readonly ImmutableSortedDictionary<string, string> Nothing = ImmutableSortedDictionary<string, string>.Empty;

    private readonly ReadyQueue _queue = new(new(new()));
    private readonly KnownRecords _known = new();

    [Fact]
    public void Of_large_inputs_a_few_are_kept_whatever_waits_and_their_room_is_given_back()
    {
        var input = JsonSerializer.SerializeToElement(new string('x', 1 << 20));
        var spec = new TaskSpec { Name = "large", Handler = "print", Input = input };
        var waiting = Enumerable.Range(0, 300).Select(_ => Wait(spec)).ToList();
        var kept = waiting.Where(t => t.Known is not null).ToList();
        Assert.InRange(kept.Count, 1, 4);

        foreach (var task in kept) _known.Drop(task);
        Assert.All(waiting, t => Assert.Null(t.Known));
        Assert.Equal(kept.Count, Enumerable.Range(0, 300).Count(_ => Wait(spec).Known is not null));
    }

    [Fact]
    public void Of_long_arguments_and_inputs_as_text_too()
    {
        var text = new string('x', 1 << 20);
        foreach (var process in (ProcessSpec[])[new() { Argv = ["echo", text], Cwd = "/", Environment = Nothing }, new() { Argv = ["cat"], Cwd = "/", Environment = Nothing, Stdin = StdinSource.Of(text) }])
        {
            var waiting = Enumerable.Range(0, 300).Select(_ => Wait(new() { Name = "large", Process = process })).ToList();
            Assert.InRange(waiting.Count(t => t.Known is not null), 1, 4);
            waiting.ForEach(_known.Drop);
        }
    }

    [Fact]
    public void An_environment_counts_unless_it_is_the_same_object_again()
    {
        var (one, other) = (Nothing.Add("A", new string('x', 1 << 20)), Nothing.Add("A", new string('x', 1 << 20)));
        Assert.InRange(Enumerable.Range(0, 300).Count(n => Wait(With(n % 2 == 0 ? one : other)).Known is not null), 1, 2);
        Assert.InRange(Enumerable.Range(0, 300).Count(_ => Wait(With(one)).Known is not null), 250, 300);

        static TaskSpec With(ImmutableSortedDictionary<string, string> environment) => new() { Name = "large", Process = new() { Argv = ["true"], Cwd = "/", Environment = environment } };
    }

    [Fact]
    public void What_a_program_has_disposed_is_not_kept_and_harms_nobody()
    {
        using var document = JsonDocument.Parse("[1]");
        var record = StoredTasks.Queued(new() { Name = "gone", Handler = "print", Input = document.RootElement });
        var task = new QueuedTask(record.Id, new(false, 0, record.Number), _queue.Enter(LimitedTask.Of(record)));
        _known.Keep(task, record);
        Assert.NotNull(task.Known);

        document.Dispose();
        _known.Drop(task);
        _known.Keep(task, record);

        Assert.Null(task.Known);
    }

    [Fact]
    public void Of_small_ones_thousands_are_and_the_record_is_the_last()
    {
        var waiting = Enumerable.Range(0, 3000).Select(_ => Wait(new() { Name = "small", Process = new() { Argv = ["true"], Cwd = "/", Environment = Nothing } })).ToList();
        Assert.InRange(waiting.Count(t => t.Known is not null), 1000, 2999);

        var next = StoredTasks.Next(waiting[0].Known!);
        _known.Keep(waiting[0], next);
        Assert.Same(next, waiting[0].Known);
    }

    private QueuedTask Wait(TaskSpec spec)
    {
        var record = StoredTasks.Queued(spec);
        var task = new QueuedTask(record.Id, new(false, 0, record.Number), _queue.Enter(LimitedTask.Of(record)));
        _known.Keep(task, record);
        return task;
    }
}
