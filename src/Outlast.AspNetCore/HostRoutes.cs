using System.Text;
using Microsoft.AspNetCore.Http;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>The host itself.</summary>
internal sealed class HostRoutes(Api api)
{
    public Task GetAsync(HttpContext context) => Api.AnswerAsync(context, StatusCodes.Status200OK, TaskViews.Of(api.Host), OutlastJson.Wire.HostView);

    public static async Task HealthAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.BodyWriter.WriteAsync(Encoding.ASCII.GetBytes("ok\n"), context.RequestAborted).ConfigureAwait(false);
    }

    public Task ReadyAsync(HttpContext context)
    {
        var reasons = api.Stopping.IsCancellationRequested ? ["the host is going away"] : api.Host.NotReady;
        return reasons.IsEmpty ? Api.AnswerAsync(context, StatusCodes.Status200OK, new ReadyView(true, []), OutlastJson.Wire.ReadyView) : Problem.NotReady(reasons).WriteAsync(context);
    }

    public async Task DoctorAsync(HttpContext context)
    {
        var checks = await api.Host.ExamineAsync(context.RequestAborted).ConfigureAwait(false);
        var view = new DoctorView(checks.All(c => c.Level != CheckLevel.Error), [.. checks.Select(TaskViews.Of)]);
        await Api.AnswerAsync(context, StatusCodes.Status200OK, view, OutlastJson.Wire.DoctorView).ConfigureAwait(false);
    }

    /// <summary>Goes once the order allows: the answer, what is left, is sent before the listener closes. A caller who breaks off calls it off.</summary>
    public async Task ShutdownAsync(HttpContext context)
    {
        var (errors, fields) = await TaskRoutes.ReadBodyAsync(context).ConfigureAwait(false);
        var mode = fields.Word("mode", Modes) ?? DepartureMode.Leave;
        TimeSpan? limit = fields.Limit("drainLimit", out var given) ? given ?? Timeout.InfiniteTimeSpan : null;
        if (limit is not null && mode is not DepartureMode.Drain) fields.Fail("drainLimit", "is for mode drain only");
        var order = new DepartureOrder(mode, Caller.Of(context)) { Asker = fields.Id("task"), Limit = limit };
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The shutdown cannot be accepted");
        if (api.Host.Facts.Program is { } program) throw new EmbeddedHostException(program, "end");
        HttpLog.ShutdownAsked(api.Log, order.Actor.Id, order.Actor.Via);
        using var over = api.OverWith(context);
        var left = await api.Departure.PrepareAsync(order, over.Token).ConfigureAwait(false);
        api.Restart?.CallOff();
        api.GoAfter(context);
        await Api.AnswerAsync(context, StatusCodes.Status202Accepted, View(left, mode), OutlastJson.Wire.ShutdownView).ConfigureAwait(false);
    }

    /// <summary>Says yes if the new program can serve, then goes for it to follow.</summary>
    public async Task RestartAsync(HttpContext context)
    {
        var (errors, fields) = await TaskRoutes.ReadBodyAsync(context).ConfigureAwait(false);
        var program = fields.Texts("program");
        if (program is [] || program?[0] is [not '/', ..] or []) fields.Fail("program", "must begin with the absolute path of a program");
        var asker = fields.Id("task");
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The restart cannot be accepted");
        var actor = Caller.Of(context);
        HttpLog.RestartAsked(api.Log, actor.Id, actor.Via, program is null ? "itself" : string.Join(' ', program));
        if (api.Host.Facts.Program is { } embedding) throw new EmbeddedHostException(embedding, "replace");
        if (api.Restart is not { } restart) throw new RestartRefusedException("This host is part of another program, and only that can replace it.");
        var version = await restart.PrepareAsync(program, asker, context.RequestAborted).ConfigureAwait(false);
        HostRemainder left;
        try
        {
            left = await api.Departure.PrepareAsync(new(DepartureMode.Restart, actor), CancellationToken.None).ConfigureAwait(false);
        }
        catch
        {
            restart.Withdraw();
            throw;
        }
        // From here on it stands, whether its answer arrives or not.
        api.GoAfter(context);
        var facts = api.Host.Facts;
        await Api.AnswerAsync(context, StatusCodes.Status202Accepted, new RestartView(facts.Epoch, facts.Version, version, left.Running, left.Queued), OutlastJson.Wire.RestartView).ConfigureAwait(false);
    }

    private static ShutdownView View(HostRemainder left, DepartureMode mode) => new(
        left.Running, left.Queued, mode is DepartureMode.StopTasks ? left.Stopped : null,
        mode is DepartureMode.Leave ? null : [.. left.Followed.Select(r => new TaskNameView(r.Id.ToString(), r.Number, r.Spec.Name))]);

    private static readonly Dictionary<string, DepartureMode> Modes = new() { ["leave"] = DepartureMode.Leave, ["drain"] = DepartureMode.Drain, ["stop-tasks"] = DepartureMode.StopTasks };
}
