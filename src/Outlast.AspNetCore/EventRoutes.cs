using Microsoft.AspNetCore.Http;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>What happened: a page, or a stream that goes on. A stream keeps nothing but its cursor and reads from the store at its reader's pace.</summary>
internal sealed class EventRoutes(Api api)
{
    private const int StreamPage = 100;

    public async Task GetAsync(HttpContext context)
    {
        var asStream = ServerSentEvents.AreWanted(context.Request);
        var query = new QueryFields(context.Request.Query);
        var after = query.Whole("after", 0, long.MaxValue) ?? 0;
        if (asStream && context.Request.Headers["Last-Event-ID"] is [{ Length: > 0 } cursor]) after = query.Whole("Last-Event-ID", cursor, 0, long.MaxValue) ?? 0;
        var limit = (int)(query.Whole("limit", 1, 1000) ?? 100);
        var wanted = new EventQuery(after, limit, query.Id("task"), query.Text("session"));
        query.ThrowIfAny();
        if (asStream) await StreamAsync(context, wanted with { Limit = StreamPage }).ConfigureAwait(false);
        else await PageAsync(context, wanted).ConfigureAwait(false);
    }

    private async Task PageAsync(HttpContext context, EventQuery wanted)
    {
        var page = await api.Tasks.EventsAsync(wanted, context.RequestAborted).ConfigureAwait(false);
        var view = new EventListView([.. page.Events.Select(TaskViews.Of)], page.Next, page.GapUntil is { } first ? new(first) : null);
        await Api.AnswerAsync(context, StatusCodes.Status200OK, view, OutlastJson.Wire.EventListView).ConfigureAwait(false);
    }

    private async Task StreamAsync(HttpContext context, EventQuery wanted)
    {
        using var over = api.OverWith(context);
        ServerSentEvents.Announce(context.Response);
        var stream = api.Stream(context, over.Token);
        using var messages = new ServerSentEvents(stream);
        await stream.FlushAsync().ConfigureAwait(false);
        while (true)
        {
            var page = await api.Tasks.EventsAsync(wanted, over.Token).ConfigureAwait(false);
            if (page.GapUntil is { } first) messages.Write("gap", (string?)null, new EventGapView(first), OutlastJson.Wire.EventGapView);
            foreach (var happened in page.Events) messages.Write(Names.Of(happened.Type), happened.Seq, TaskViews.Of(happened), OutlastJson.Wire.EventView);
            if (!page.Events.IsEmpty || page.GapUntil is not null) await stream.FlushAsync().ConfigureAwait(false);
            var nothingNew = page.Next == wanted.After;
            wanted = wanted with { After = page.Next };
            if (nothingNew) await WaitAsync(stream, messages, wanted.After, over.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Waits for the next event; says now and then that the stream is alive.</summary>
    private async Task WaitAsync(StreamResponse stream, ServerSentEvents messages, long after, CancellationToken over)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(over);
        var happened = api.Tasks.WaitForEventAsync(after, enough.Token);
        while (!happened.IsCompleted)
        {
            await messages.BeatAsync().ConfigureAwait(false);
            await Task.WhenAny(happened, Task.Delay(stream.UntilHeartbeat, api.Time, enough.Token)).ConfigureAwait(false);
            over.ThrowIfCancellationRequested();
        }
        await enough.CancelAsync().ConfigureAwait(false);
        await happened.ConfigureAwait(false);
    }
}
