namespace Outlast.Sqlite;

/// <summary>Writes something that needs room of its own, as a submission would.</summary>
internal sealed class ProbeWrite : StoreWrite<bool>
{
    protected override bool Write(WriteSession session)
    {
        session.Prepare("INSERT INTO probe (one, filler) VALUES (1, randomblob(16384)) ON CONFLICT (one) DO UPDATE SET filler = excluded.filler").Run();
        return true;
    }
}
