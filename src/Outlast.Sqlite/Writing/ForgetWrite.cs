namespace Outlast.Sqlite;

/// <summary>Drops old tombstones with their keys, old notices that are final, and old events; so many of each at a time that nobody waits long behind it.</summary>
internal sealed class ForgetWrite(DateTimeOffset removedBefore, DateTimeOffset eventsBefore) : StoreWrite<bool>
{
    /// <summary>How many of each go at once.</summary>
    public const int Portion = 2_000;

    /// <summary>Which notices go. Mostly those that were open when their task was removed: the others went with it.</summary>
    public const string DeleteFinal = "DELETE FROM notices WHERE seq IN (SELECT seq FROM notices WHERE open = 0 AND at < ? LIMIT ?)";

    /// <summary>Returns whether there may be more to forget.</summary>
    protected override bool Write(WriteSession session)
    {
        var tombstones = ForgetTombstones(session);
        var notices = ForgetNotices(session);
        return ForgetEvents(session) | notices | tombstones;
    }

    private bool ForgetNotices(WriteSession session)
    {
        session.Prepare(DeleteFinal).With(Columns.Of(removedBefore)).With(Portion).Run();
        using var row = session.Prepare("SELECT changes()");
        return row.Step() && row.Number(0) == Portion;
    }

    private bool ForgetTombstones(WriteSession session)
    {
        var old = new List<(long Number, string Id)>();
        using (var row = session.Prepare("SELECT number, id FROM tombstones WHERE removed_at < ? LIMIT ?").With(Columns.Of(removedBefore)).With(Portion))
            while (row.Step()) old.Add((row.Number(0), row.Text(1)));
        foreach (var (number, id) in old)
        {
            session.Prepare("DELETE FROM tombstones WHERE number = ?").With(number).Run();
            session.Prepare("DELETE FROM idempotency_keys WHERE task = ?").With(id).Run();
        }
        return old.Count == Portion;
    }

    private bool ForgetEvents(WriteSession session)
    {
        // Only the oldest run of old events goes, so that what is kept has no holes.
        long last = 0;
        var count = 0;
        using (var row = session.Prepare("SELECT seq, at FROM events ORDER BY seq LIMIT ?").With(Portion))
            while (row.Step() && row.Number(1) < Columns.Of(eventsBefore))
            {
                last = row.Number(0);
                count++;
            }
        if (count == 0) return false;
        session.Prepare("DELETE FROM events WHERE seq <= ?").With(last).Run();
        session.Prepare("UPDATE meta SET forgotten_event = ?").With(last).Run();
        return count == Portion;
    }
}
