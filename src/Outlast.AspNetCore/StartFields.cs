using System.Collections.Frozen;

namespace Outlast.AspNetCore;

/// <summary>The fields that say when a task starts, and how often.</summary>
internal static class StartFields
{
    private const int MostRetries = 1000, MostPriority = 100;
    private static readonly TimeSpan DefaultBackoff = TimeSpan.FromSeconds(1);
    private static readonly FrozenDictionary<string, RetryOn> Ends = new[] { RetryOn.Failed, RetryOn.Lost, RetryOn.TimedOut }.ToFrozenDictionary(Names.Of, on => on, StringComparer.Ordinal);

    /// <summary>Not before: <c>in</c> or <c>at</c>. Start by: a moment, or how long after the first it may start.</summary>
    public static (DateTimeOffset? NotBefore, DateTimeOffset? StartBy) ReadMoments(JsonFields fields, DateTimeOffset now)
    {
        if (fields.Has("at") && (fields.Has("in") || fields.Has("inMs")))
        {
            fields.Fail("at", "is given as well as in; give one of them");
            foreach (var name in (string[])["at", "in", "inMs"]) fields.Skip(name);
        }
        var notBefore = fields.Limit("in", out var wait) ? now + wait : fields.Moment("at");
        var startBy = fields.Moment("startBy", notBefore ?? now);
        if (startBy <= notBefore) fields.Fail("startBy", $"must be later than the {notBefore.Value.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} before which it does not start");
        return (notBefore, startBy);
    }

    public static int ReadPriority(JsonFields fields) => (int)(fields.Whole("priority", -MostPriority, MostPriority) ?? 0);

    public static RetryPolicy? ReadRetry(JsonFields task)
    {
        if (task.Object("retry") is not { } fields) return null;
        if (!fields.Has("max")) fields.Fail("max", "is missing: how many further attempts there may be");
        var max = fields.Whole("max", 1, MostRetries);
        var backoff = fields.Limit("backoff", out var wait) ? wait ?? TimeSpan.Zero : DefaultBackoff;
        var on = ReadEnds(fields);
        fields.FailOnRest(FrozenSet<string>.Empty);
        return max is { } most ? new((int)most, backoff, on) : null;
    }

    private static RetryOn ReadEnds(JsonFields fields)
    {
        if (fields.Texts("on") is not { } words) return RetryOn.Failed;
        if (words.Count == 0) fields.Fail("on", $"names no end; there are {string.Join(", ", Ends.Keys)}");
        var on = RetryOn.None;
        foreach (var (i, word) in words.Index())
        {
            if (Ends.TryGetValue(word, out var end)) on |= end;
            else fields.Fail($"on[{i}]", $"'{JsonFields.Shorten(word)}' is not one of {string.Join(", ", Ends.Keys)}");
        }
        return on;
    }
}
