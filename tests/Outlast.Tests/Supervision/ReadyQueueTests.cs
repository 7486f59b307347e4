using Outlast.Supervision;

namespace Outlast.Tests.Supervision;

public sealed class ReadyQueueTests
{
    /// <summary>Against a list that is sorted anew each time.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_does_what_a_sorted_list_does(int seed)
    {
        var random = new Random(seed);
        var queue = new ReadyQueue();
        var model = new List<(bool Ahead, long Number, TaskId Id)>();
        for (long step = 1; step <= 3000; step++)
        {
            switch (random.Next(5))
            {
                case 0 or 1:
                    // Out of order now and then, as concurrent commits are told.
                    var number = step * 10 - random.Next(0, 60);
                    if (model.Any(m => m.Number == number)) break;
                    var added = (random.Next(10) == 0, number, TaskId.New(DateTimeOffset.UnixEpoch.AddMilliseconds(step)));
                    queue.Add(added.Item3, added.Item1, added.number);
                    model.Add(added);
                    break;
                case 2:
                    var first = Ordered(model).FirstOrDefault();
                    Assert.Equal(model.Count > 0, queue.TryTake(out var taken));
                    if (model.Remove(first)) Assert.Equal(first.Id, taken);
                    break;
                case 3 when model.Count > 0:
                    var gone = model[random.Next(model.Count)];
                    model.Remove(gone);
                    Assert.True(queue.Remove(gone.Id));
                    Assert.False(queue.Remove(gone.Id));
                    Assert.Equal(0, queue.PositionOf(gone.Id));
                    break;
                case 4 when model.Count > 0:
                    var asked = model[random.Next(model.Count)];
                    Assert.Equal(Ordered(model).ToList().IndexOf(asked) + 1, queue.PositionOf(asked.Id));
                    break;
            }
            Assert.Equal(model.Count, queue.Count);
        }

        static IEnumerable<(bool Ahead, long Number, TaskId Id)> Ordered(List<(bool Ahead, long Number, TaskId Id)> model) => model.OrderBy(m => !m.Ahead).ThenBy(m => m.Number);
    }
}
