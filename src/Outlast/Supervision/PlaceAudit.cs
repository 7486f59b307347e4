using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;

namespace Outlast.Supervision;

/// <summary>Compares, each minute, the places that are taken with who has them (a claim that is being written, or whoever follows or rescues the attempt), and attempts with their places; what differs twice is logged and put right.</summary>
/// <remarks>A place has an owner from its first moment and is freed by that owner's end, so that there should be nothing to find. What is found is a fault, and the doctor shows it.</remarks>
internal sealed class PlaceAudit(Dispatcher dispatcher, LiveAttempts attempts, TimeProvider time, ILogger<PlaceAudit> log)
{
    private readonly Lock _lock = new();
    // Guarded by _lock: places without an owner and attempts without a place, as of the last look; and what was put right, and when last.
    private HashSet<object> _suspects = [];
    private int _corrected;
    private (DateTimeOffset At, string What)? _last;

    /// <summary>How many differences this host has put right, and the last of them; none: there were none.</summary>
    public (int Count, DateTimeOffset At, string What)? Found
    {
        get { lock (_lock) return _last is var (at, what) ? (_corrected, at, what) : null; }
    }

    /// <summary>One look.</summary>
    public void Compare()
    {
        var unowned = dispatcher.Places.Where(p => !HasOwner(p)).ToList();
        var lacking = attempts.All.Where(a => a.LacksPlace).ToList();
        HashSet<object> before;
        lock (_lock) (before, _suspects) = (_suspects, [.. unowned, .. lacking]);
        // Once is nothing: it may be on its way.
        foreach (var place in unowned.Where(before.Contains))
        {
            place.Free();
            Note($"the place of {(place.Task is { } id ? $"task {id}" : "a task that never came to be")} ({place.Lane}) was taken by nobody; it is free again");
        }
        foreach (var attempt in lacking.Where(before.Contains))
        {
            attempt.Place.Need(true);
            Note($"task {attempt.Id} ran without a place ({attempt.Place.Lane}); it has one now");
        }
        foreach (var difference in dispatcher.Recount()) Note($"{difference}; counted anew");
    }

    // In this order: it is entrusted before the claim is expected no more.
    private bool HasOwner(Place place) => (place.Task is { } id && attempts.IsExpected(id)) || place.IsEntrusted;

    private void Note(string what)
    {
        log.PlacesDiffer(what);
        lock (_lock) (_corrected, _last) = (_corrected + 1, (time.GetUtcNow(), what));
    }
}
