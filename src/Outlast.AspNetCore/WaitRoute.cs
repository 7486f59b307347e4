using Microsoft.AspNetCore.Http;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>One call that waits for any or all of several tasks, or of a group.</summary>
internal sealed class WaitRoute(Api api)
{
    public async Task GetAsync(HttpContext context)
    {
        var command = Read(new QueryFields(context.Request.Query));
        await Api.AnswerAsync(context, StatusCodes.Status200OK, TaskViews.Of(await WaitAsync(context, command).ConfigureAwait(false)), OutlastJson.Wire.WaitView).ConfigureAwait(false);
    }

    private static WaitCommand Read(QueryFields query)
    {
        var tasks = query.Ids("task", WaitCommand.MostTasks);
        var (group, session) = (query.Text("group"), query.Text("session"));
        var which = query.Text("for");
        if (which is not (null or "any" or "all" or "next")) query.Fail("for", $"'{JsonFields.Shorten(which)}' is not one of any, all, next");
        var wait = query.Wait("wait") ?? TimeSpan.Zero;
        var waiter = query.Id("waiter");
        if (tasks.Count > 0 && group is not null) query.Fail("group", "is given as well as task; give one of them");
        if (session is not null && group is null) query.Fail("session", "says whose group is meant; without a group it says nothing");
        query.ThrowIfAny();
        if (tasks.Count == 0 && group is null)
        {
            query.Fail("task", "one of task and group is needed");
            query.ThrowIfAny();
        }
        return new() { Tasks = [.. tasks], Group = group, Session = session, Any = which == "any", UntilNext = which == "next", Timeout = wait, Waiter = waiter };
    }

    /// <summary>What there is at the end or after the wait; at once when the host goes.</summary>
    private async Task<WaitResult> WaitAsync(HttpContext context, WaitCommand command)
    {
        using var over = api.OverWith(context);
        try
        {
            return await api.Tasks.WaitManyAsync(command, over.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            return await api.Tasks.WaitManyAsync(command with { Timeout = TimeSpan.Zero }, context.RequestAborted).ConfigureAwait(false);
        }
    }
}
