using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>What may be asked of sessions: what is there, when they are told, and that one is over.</summary>
internal sealed class SessionDesk(ITaskStore store, TaskLedger ledger, Courier courier, TimeProvider time) : ISessions
{
    private const string WhyStopped = "its session was closed";

    public Task<ImmutableArray<SessionFacts>> ListAsync(CancellationToken cancel = default) => store.SessionsAsync(cancel: cancel);

    public async Task<SessionFacts> GetAsync(string session, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(session);
        return (await store.SessionsAsync(session, cancel))[0];
    }

    public async Task<SessionFacts> SetPolicyAsync(string session, SessionPolicy policy, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(session);
        await store.SetSessionAsync(new(session, policy), cancel);
        courier.PolicyChanged(session);
        return await GetAsync(session, cancel);
    }

    public async Task<ClosedSession> CloseAsync(string session, Actor actor, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(actor);
        // First: what ends by the stop is not told any more.
        await store.SetSessionAsync(new(session, Closed: true), cancel);
        courier.BecameFinal(session);
        var cause = actor.Type switch { ActorType.User => EndCause.User, ActorType.Agent => EndCause.Model, ActorType.Host or ActorType.Rule => EndCause.Operator };
        var stop = new StopRequest { Cause = cause, Actor = actor, RequestedAt = time.GetUtcNow(), Reason = WhyStopped };
        var stopped = ImmutableArray.CreateBuilder<TaskRecord>();
        // Parents before their children, which their stop takes along.
        foreach (var task in (await store.ListOpenAsync(cancel)).Where(t => t.Session == session).OrderBy(t => t.Number))
        {
            var answer = await ledger.StopTreeAsync(task.Id, stop, cancel);
            if (answer.Refusal is null) stopped.Add(answer.Record);
        }
        return new(await GetAsync(session, cancel), stopped.ToImmutable());
    }
}
