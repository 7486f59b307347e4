namespace Outlast.Sqlite;

/// <summary>Something that one caller wants written, and that caller's own answer.</summary>
internal abstract class StoreWrite
{
    /// <summary>Writes within the transaction under way, or finds that nothing may be written. May run again after a transaction that was undone.</summary>
    public abstract void Execute(WriteSession session);

    /// <summary>Tells the caller; only after the commit.</summary>
    public abstract void Succeed();

    /// <summary>Tells the caller that nothing of it happened.</summary>
    public abstract void Fail(Exception why);
}

/// <summary>A write that answers with a value.</summary>
internal abstract class StoreWrite<T> : StoreWrite
{
    private readonly TaskCompletionSource<T> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _answer;

    public Task<T> Told => _told.Task;

    public sealed override void Execute(WriteSession session) => _answer = Write(session);

    public sealed override void Succeed() => _told.TrySetResult(_answer!);

    public sealed override void Fail(Exception why) => _told.TrySetException(why);

    protected abstract T Write(WriteSession session);
}
