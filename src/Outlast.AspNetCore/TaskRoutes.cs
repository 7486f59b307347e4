using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>Tasks: submitted, read, listed, stopped, extended, run again, removed.</summary>
internal sealed class TaskRoutes(Api api)
{
    private const int LongestKey = 200, LongestAnswer = 64 * 1024, Portion = 100;

    public async Task SubmitAsync(HttpContext context)
    {
        new QueryFields(context.Request.Query).ThrowIfAny();
        var key = ReadKey(context.Request);
        using var document = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        var hash = key is null ? null : RequestBody.Hash(document.RootElement);
        await (SpecReader.IsMany(document.RootElement) ? SubmitManyAsync(context, document.RootElement, key, hash) : SubmitOneAsync(context, document.RootElement, key, hash)).ConfigureAwait(false);
    }

    private async Task SubmitOneAsync(HttpContext context, JsonElement document, string? key, string? hash)
    {
        var (spec, parent) = api.Specs.Read(document);
        // A caller that goes away while the task is being written must not undo it half way.
        var snapshot = await api.Tasks.SubmitAsync(new(spec, Caller.Of(context), parent, key, hash), CancellationToken.None).ConfigureAwait(false);
        context.Response.Headers.Location = $"/v1/tasks/{snapshot.Record.Id}";
        await AnswerAsync(context, StatusCodes.Status202Accepted, snapshot).ConfigureAwait(false);
    }

    private async Task SubmitManyAsync(HttpContext context, JsonElement document, string? key, string? hash)
    {
        var actor = Caller.Of(context);
        var tasks = api.Specs.ReadMany(document).Select(read => new TaskSubmission(read.Spec, actor, read.Parent));
        var snapshots = await api.Tasks.SubmitManyAsync(new([.. tasks], key, hash), CancellationToken.None).ConfigureAwait(false);
        var view = new TaskListView([.. snapshots.Select(TaskViews.Of)], null);
        await Api.AnswerAsync(context, StatusCodes.Status202Accepted, view, OutlastJson.Wire.TaskListView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context)
    {
        var query = new QueryFields(context.Request.Query);
        var wait = query.Wait("wait");
        var live = query.Flag("live");
        var consume = query.Flag("consume");
        var session = query.Text("session");
        if (consume && session is null) query.Fail("session", "is needed with consume: the task's own");
        if (session is not null && !consume) query.Fail("session", "goes with consume=true");
        query.ThrowIfAny();
        var id = Api.IdOf(context);
        if (consume) context.Response.OnCompleted(() => NoteUnreadAsync(context, session!, id));
        var snapshot = consume ? await ConsumeAsync(context, session!, id, wait ?? TimeSpan.Zero).ConfigureAwait(false)
            : wait > TimeSpan.Zero ? await WaitAsync(context, id, wait.Value).ConfigureAwait(false) : await api.Tasks.GetAsync(id, context.RequestAborted).ConfigureAwait(false);
        var view = TaskViews.Of(snapshot);
        if (live) view = (await MeasureAsync(context, [view]).ConfigureAwait(false))[0];
        await Api.AnswerAsync(context, StatusCodes.Status200OK, view, OutlastJson.Wire.TaskView).ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext context)
    {
        var query = new QueryFields(context.Request.Query);
        var kinds = query.Words<TaskKind>("kind").ToList();
        if (kinds.Count > 1) query.Fail("kind", "names several; one is the most");
        var wanted = new TaskQuery
        {
            States = [.. query.Words<TaskState>("state")],
            Kind = kinds is [var kind, ..] ? kind : null,
            Session = query.Text("session"),
            Parent = query.Id("parent"),
            Root = query.Id("root"),
            EndedBefore = query.Time("endedBefore"),
            Label = query.Text("label"),
            Text = query.Text("q"),
            Before = query.Whole("cursor", 1, long.MaxValue),
            Limit = (int)(query.Whole("limit", 1, 1000) ?? 50),
        };
        var live = query.Flag("live");
        query.ThrowIfAny();
        var left = wanted.Limit;
        var page = await api.Tasks.ListAsync(wanted with { Limit = Math.Min(left, Portion) }, context.RequestAborted).ConfigureAwait(false);
        // A long page goes out as it is read: a thousand tasks at once would be a tenth of what a host may take.
        Api.Announce(context, StatusCodes.Status200OK);
        using var json = new Utf8JsonWriter(context.Response.BodyWriter, new() { Encoder = OutlastJson.Wire.Options.Encoder });
        json.WriteStartObject();
        json.WriteStartArray("tasks"u8);
        while (true)
        {
            IReadOnlyList<TaskView> tasks = [.. page.Tasks.Select(TaskViews.Of)];
            if (live) tasks = await MeasureAsync(context, tasks).ConfigureAwait(false);
            foreach (var task in tasks) JsonSerializer.Serialize(json, task, OutlastJson.Wire.TaskView);
            left -= tasks.Count;
            if (left <= 0 || page.Next is null) break;
            await json.FlushAsync(context.RequestAborted).ConfigureAwait(false);
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
            page = await api.Tasks.ListAsync(wanted with { Before = page.Next, Limit = Math.Min(left, Portion) }, context.RequestAborted).ConfigureAwait(false);
        }
        json.WriteEndArray();
        if (page.Next is { } next) json.WriteString("nextCursor"u8, next.ToString(CultureInfo.InvariantCulture));
        json.WriteEndObject();
        await json.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    public async Task ResolveAsync(HttpContext context)
    {
        var query = new QueryFields(context.Request.Query);
        var name = query.Text("name");
        if (name is null) query.Fail("name", "is missing");
        query.ThrowIfAny();
        var ids = await api.Tasks.ResolveAsync(name!, context.RequestAborted).ConfigureAwait(false);
        if (ids.IsEmpty) throw new TaskNotFoundException(JsonFields.Shorten(name!));
        await Api.AnswerAsync(context, StatusCodes.Status200OK, new ResolveView([.. ids.Select(i => i.ToString())]), OutlastJson.Wire.ResolveView).ConfigureAwait(false);
    }

    public async Task TreeAsync(HttpContext context)
    {
        new QueryFields(context.Request.Query).ThrowIfAny();
        var tree = await api.Tasks.TreeAsync(Api.IdOf(context), context.RequestAborted).ConfigureAwait(false);
        await Api.AnswerAsync(context, StatusCodes.Status200OK, TaskViews.Of(tree), OutlastJson.Wire.TaskTreeView).ConfigureAwait(false);
    }

    public async Task StopAsync(HttpContext context)
    {
        var id = Api.IdOf(context);
        var (errors, fields) = await ReadBodyAsync(context).ConfigureAwait(false);
        var reason = fields.Text("reason", longest: 4000);
        var now = fields.Flag("now") ?? false;
        var leftovers = fields.Flag("leftovers") ?? false;
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The stop cannot be accepted");
        var command = new StopCommand(EndCause.User, Caller.Of(context), string.IsNullOrWhiteSpace(reason) ? null : reason, now);
        if (leftovers)
        {
            var left = await api.Tasks.StopLeftoversAsync(id, command, CancellationToken.None).ConfigureAwait(false);
            await Api.AnswerAsync(context, StatusCodes.Status200OK, TaskViews.Of(left), OutlastJson.Wire.LeftoversView).ConfigureAwait(false);
            return;
        }
        await AnswerAsync(context, StatusCodes.Status202Accepted, await api.Tasks.StopAsync(id, command, CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
    }

    public async Task ExtendAsync(HttpContext context)
    {
        var id = Api.IdOf(context);
        var (errors, fields) = await ReadBodyAsync(context).ConfigureAwait(false);
        var timeout = fields.Change("timeout");
        var idleTimeout = fields.Change("idleTimeout");
        if (fields.WasEmpty) fields.Fail("timeout", "one of timeout and idleTimeout is needed");
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The limits cannot be moved");
        var command = new ExtendCommand(Caller.Of(context), timeout, idleTimeout);
        await AnswerAsync(context, StatusCodes.Status200OK, await api.Tasks.ExtendAsync(id, command, CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
    }

    public async Task AnswerAsync(HttpContext context)
    {
        var id = Api.IdOf(context);
        var (errors, fields) = await ReadBodyAsync(context).ConfigureAwait(false);
        var isGiven = fields.Has("text");
        var text = fields.Text("text", LongestAnswer);
        if (!isGiven || text is not null && string.IsNullOrWhiteSpace(text)) fields.Fail("text", "is missing: what is the answer?");
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The answer cannot be accepted");
        await AnswerAsync(context, StatusCodes.Status200OK, await api.Tasks.AnswerAsync(id, new(text!, Caller.Of(context)), CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
    }

    public async Task RetryAsync(HttpContext context)
    {
        var id = Api.IdOf(context);
        var key = ReadKey(context.Request);
        var (errors, fields) = await ReadBodyAsync(context).ConfigureAwait(false);
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The task cannot be run again");
        var snapshot = await api.Tasks.RetryAsync(id, new(Caller.Of(context), key), CancellationToken.None).ConfigureAwait(false);
        context.Response.Headers.Location = $"/v1/tasks/{snapshot.Record.Id}";
        await AnswerAsync(context, StatusCodes.Status202Accepted, snapshot).ConfigureAwait(false);
    }

    public async Task RemoveAsync(HttpContext context)
    {
        var id = Api.IdOf(context);
        var query = new QueryFields(context.Request.Query);
        var force = query.Flag("force");
        query.ThrowIfAny();
        var tombstone = await api.Tasks.RemoveAsync(id, new(Caller.Of(context), force), CancellationToken.None).ConfigureAwait(false);
        await Api.AnswerAsync(context, StatusCodes.Status200OK, TaskViews.Of(tombstone), OutlastJson.Wire.RemovedView).ConfigureAwait(false);
    }

    private static string? ReadKey(HttpRequest request)
    {
        if (request.Headers["Idempotency-Key"] is not { Count: > 0 } given) return null;
        if (given is [{ Length: > 0 and <= LongestKey } key]) return key;
        throw new RefusedException(Problem.Invalid(new Dictionary<string, string[]> { ["Idempotency-Key"] = [$"must be one text of 1 to {LongestKey} characters"] }, "The task cannot be accepted"));
    }

    public static async Task<(FieldErrors Errors, JsonFields Fields)> ReadBodyAsync(HttpContext context)
    {
        new QueryFields(context.Request.Query).ThrowIfAny();
        var document = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        context.Response.RegisterForDispose(document);
        var errors = new FieldErrors();
        return (errors, new(document.RootElement, "", errors));
    }

    /// <summary>The task at its end or after the wait; at once when the host goes.</summary>
    private async Task<TaskSnapshot> WaitAsync(HttpContext context, TaskId id, TimeSpan wait)
    {
        using var over = api.OverWith(context);
        try
        {
            return await api.Tasks.WaitAsync(id, wait, over.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            return await api.Tasks.GetAsync(id, context.RequestAborted).ConfigureAwait(false);
        }
    }

    /// <summary>The same for the task's own session; when the host goes, what is there by then is an end as well.</summary>
    private async Task<TaskSnapshot> ConsumeAsync(HttpContext context, string session, TaskId id, TimeSpan wait)
    {
        using var over = api.OverWith(context);
        try
        {
            return await api.Inbox.ConsumeAsync(session, id, wait, over.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            return await api.Inbox.ConsumeAsync(session, id, TimeSpan.Zero, context.RequestAborted).ConfigureAwait(false);
        }
    }

    private Task NoteUnreadAsync(HttpContext context, string session, TaskId id)
    {
        if (context.RequestAborted.IsCancellationRequested) api.Inbox.Unread(session, id);
        return Task.CompletedTask;
    }

    /// <summary>The same tasks, the running ones with what they use now.</summary>
    private async Task<IReadOnlyList<TaskView>> MeasureAsync(HttpContext context, IReadOnlyList<TaskView> tasks)
    {
        var measured = await api.Tasks.MeasureAsync([.. tasks.Where(t => !t.HasEnded).Select(t => TaskId.Parse(t.Id))], context.RequestAborted).ConfigureAwait(false);
        return [.. tasks.Select(t => measured.TryGetValue(TaskId.Parse(t.Id), out var now) ? t with { Live = TaskViews.Of(now) } : t)];
    }

    private static Task AnswerAsync(HttpContext context, int status, TaskSnapshot snapshot) => Api.AnswerAsync(context, status, TaskViews.Of(snapshot), OutlastJson.Wire.TaskView);
}
