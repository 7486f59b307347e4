using System.Collections.Immutable;
using Outlast.Supervision;

namespace Outlast.Tests.Supervision;

public sealed class ReadyQueueTests
{
    private static readonly ImmutableSortedDictionary<string, string> Unlabelled = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Against a list that is searched anew each time: the first task all of whose keys have room.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [Trait("Requirement", "U-80")]
    public void It_does_what_a_search_through_a_sorted_list_does(int seed)
    {
        var random = new Random(seed);
        var limits = new LimitTable(new() { Processes = 5, Handlers = 4, Total = 7, Limits = Rules("session:*=2", "session:s1=1", "label:gpu=2", "label:repo=*=1", "handler:mail=1") });
        var queue = new ReadyQueue(limits, patience: int.MaxValue);
        var model = new List<Modelled>();
        var running = new List<Modelled>();
        for (long step = 1; step <= 4000; step++)
        {
            switch (random.Next(7))
            {
                case 0 or 1 or 2:
                    // Out of order now and then, as concurrent commits are told.
                    var number = step * 10 - random.Next(0, 60);
                    if (model.Any(m => m.Task.Order.Number == number)) break;
                    var limited = Any(random);
                    var queued = new QueuedTask(TaskId.New(DateTimeOffset.UnixEpoch.AddMilliseconds(step)), new(random.Next(10) == 0, random.Next(5) - 2, number), queue.Enter(limited));
                    queue.Add(queued);
                    model.Add(new(queued, limits.Of(limited)));
                    break;
                case 3 or 4:
                    var expected = Ordered(model).FirstOrDefault(m => m.Limits.All(l => running.Count(r => r.Limits.Contains(l)) < l.Max));
                    var taken = queue.TryTake(onlyAdmitted: false);
                    Assert.Same(expected?.Task, taken);
                    if (expected is null) break;
                    queue.Take(taken!.Lane);
                    model.Remove(expected);
                    running.Add(expected);
                    break;
                case 5 when running.Count > 0:
                    var over = running[random.Next(running.Count)];
                    running.Remove(over);
                    queue.Free(over.Task.Lane);
                    queue.Leave(over.Task.Lane);
                    break;
                case 6 when model.Count > 0:
                    var gone = model[random.Next(model.Count)];
                    model.Remove(gone);
                    queue.Remove(gone.Task);
                    queue.Leave(gone.Task.Lane);
                    break;
            }
            Assert.Equal(model.Count, queue.Count);
            if (model.Count == 0) continue;
            var asked = model[random.Next(model.Count)];
            var (position, full) = ReadyQueue.PositionOf(asked.Task);
            var key = full?.Key ?? asked.Limits[^1].Key;
            Assert.Equal(Ordered(model).Where(m => m.Limits.Any(l => l.Key == key)).ToList().IndexOf(asked) + 1, position);
            Assert.Equal(asked.Limits.Any(l => running.Count(r => r.Limits.Contains(l)) >= l.Max), full is not null);
        }
        foreach (var task in model.Concat(running)) queue.Leave(task.Task.Lane);
        Assert.Equal(["host", "kind handler", "kind process"], queue.Gates.Select(g => g.Key.ToString()).Order());
    }

    [Fact]
    [Trait("Requirement", "U-80")]
    public void Who_needs_two_keys_that_are_never_free_at_once_is_not_passed_for_ever()
    {
        var queue = new ReadyQueue(new(new() { Processes = 100, Limits = Rules("label:a=1", "label:b=1") }));
        var number = 0L;
        Lane[] held = [Take(Add("a")), Take(Add("b"))];
        var both = Add("a", "b");
        for (var turn = 0; turn < 20; turn++)
        {
            // Somebody who needs but one of the keys always waits behind it.
            Add("a");
            Add("b");
            queue.Free(held[turn % 2]);
            if (queue.TryTake(false) is not { } next) continue;
            if (next == both) return;
            held[turn % 2] = Take(next);
        }
        Assert.Fail("It was passed for ever.");

        Lane Take(QueuedTask task)
        {
            if (ReadyQueue.PositionOf(task).Position > 0 && queue.Count > 0 && number <= 2) queue.Remove(task);
            queue.Take(task.Lane);
            return task.Lane;
        }

        QueuedTask Add(params string[] labels)
        {
            var task = new QueuedTask(TaskId.New(DateTimeOffset.UnixEpoch), new(false, 0, ++number), queue.Enter(new(TaskKind.Process, null, null, labels.ToImmutableSortedDictionary(l => l, _ => "x"), null)));
            queue.Add(task);
            return task;
        }
    }

    [Fact]
    public void A_key_that_nobody_refers_to_costs_nothing()
    {
        var queue = new ReadyQueue(new(new() { Limits = Rules("session:*=1") }));
        var before = queue.Gates.Count();
        var tasks = Enumerable.Range(1, 1000).Select(i => new QueuedTask(TaskId.New(DateTimeOffset.UnixEpoch), new(false, 0, i), queue.Enter(new(TaskKind.Process, null, $"s{i}", Unlabelled, null)))).ToList();
        tasks.ForEach(queue.Add);
        Assert.Equal(before + 1000, queue.Gates.Count());
        tasks.ForEach(queue.Remove);
        tasks.ForEach(t => queue.Leave(t.Lane));
        Assert.Equal(before, queue.Gates.Count());
    }

    internal static ImmutableArray<LimitRule> Rules(params string[] rules) => [.. rules.Select(text =>
    {
        var equals = text.LastIndexOf('=');
        return LimitRule.TryParse(text[..equals], long.Parse(text[(equals + 1)..], System.Globalization.CultureInfo.InvariantCulture), out var rule, out var problem) ? rule : throw new ArgumentException(problem);
    })];

    private static LimitedTask Any(Random random) => new(
        random.Next(3) == 0 ? TaskKind.Handler : TaskKind.Process,
        random.Next(2) == 0 ? "mail" : "other",
        random.Next(3) == 0 ? null : $"s{random.Next(4)}",
        random.Next(3) == 0 ? Unlabelled : Unlabelled.Add(random.Next(2) == 0 ? "gpu" : "repo", $"x{random.Next(3)}"),
        null);

    private static IEnumerable<Modelled> Ordered(List<Modelled> model) => model.OrderBy(m => !m.Task.Order.FirstInLine).ThenByDescending(m => m.Task.Order.Priority).ThenBy(m => m.Task.Order.Number);

    private sealed record Modelled(QueuedTask Task, ImmutableArray<KeyLimit> Limits);
}
