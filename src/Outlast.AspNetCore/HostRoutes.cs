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

    /// <summary>Says yes, then goes: the answer is sent before the listener closes.</summary>
    public Task ShutdownAsync(HttpContext context)
    {
        var actor = Caller.Of(context);
        HttpLog.ShutdownAsked(api.Log, actor.Id, actor.Via);
        context.Response.OnCompleted(() =>
        {
            api.AskToGo();
            return Task.CompletedTask;
        });
        var (running, queued) = api.Host.Load;
        return Api.AnswerAsync(context, StatusCodes.Status202Accepted, new ShutdownView(running, queued), OutlastJson.Wire.ShutdownView);
    }
}
