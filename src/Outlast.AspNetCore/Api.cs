using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Outlast.AspNetCore;

/// <summary>What every route needs.</summary>
internal sealed class Api(IServiceProvider services, IHostApplicationLifetime lifetime)
{
    private readonly StreamOptions _streams = services.GetService<StreamOptions>() ?? new();

    public ITaskClient Tasks { get; } = services.GetRequiredService<ITaskClient>();
    public IInbox Inbox => services.GetRequiredService<IInbox>();
    public ISessions Sessions => services.GetRequiredService<ISessions>();
    public IHostStatus Host { get; } = services.GetRequiredService<IHostStatus>();
    public IHostDeparture Departure => services.GetRequiredService<IHostDeparture>();
    public IHostRestart? Restart { get; } = services.GetService<IHostRestart>();
    public TimeProvider Time { get; } = services.GetService<TimeProvider>() ?? TimeProvider.System;
    public SpecReader Specs { get; } = new(services.GetService<TaskDefaults>() ?? new(), services.GetService<HostEnvironment>() ?? HostEnvironment.Capture(), services.GetService<TimeProvider>() ?? TimeProvider.System);
    public ILogger Log { get; } = services.GetService<ILoggerFactory>()?.CreateLogger("Outlast.AspNetCore") ?? NullLogger.Instance;

    public CancellationToken Stopping => lifetime.ApplicationStopping;

    /// <summary>Goes once the answer is on its way: before, the listener would close under it.</summary>
    public void GoAfter(HttpContext context) => context.Response.OnCompleted(() =>
    {
        lifetime.StopApplication();
        return Task.CompletedTask;
    });

    /// <summary>Cancelled when the caller is gone or the host goes.</summary>
    public CancellationTokenSource OverWith(HttpContext context) => CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, Stopping);

    public StreamResponse Stream(HttpContext context, CancellationToken over) => new(context, _streams, Time, Log, over);

    /// <summary>The id in the route; what is no whole id is a task that nobody knows.</summary>
    public static TaskId IdOf(HttpContext context)
    {
        var text = (string)context.GetRouteValue("id")!;
        return TaskId.TryParse(text, out var id) ? id : throw new TaskNotFoundException(JsonFields.Shorten(text));
    }

    public static async Task AnswerAsync<T>(HttpContext context, int status, T value, JsonTypeInfo<T> type)
    {
        Announce(context, status);
        await JsonSerializer.SerializeAsync(context.Response.BodyWriter, value, type, context.RequestAborted).ConfigureAwait(false);
    }

    public static void Announce(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
    }

    /// <summary>A route whose every fault becomes a problem; or, once it has begun to answer, a broken connection, which nobody can mistake for a whole answer.</summary>
    public RequestDelegate Route(Func<HttpContext, Task> answer) => async context =>
    {
        try
        {
            Gate.Admit(context);
            await answer(context).ConfigureAwait(false);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Abort();
        }
        catch (Exception fault)
        {
            await GiveUpAsync(context, fault).ConfigureAwait(false);
        }
    };

    private async Task GiveUpAsync(HttpContext context, Exception fault)
    {
        var problem = fault is OperationCanceledException && Stopping.IsCancellationRequested ? Problem.Of(new DrainingException()) : Problem.Of(fault);
        if (problem.Status == StatusCodes.Status500InternalServerError) HttpLog.Failed(Log, fault, context.Request.Method, context.Request.Path);
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        var range = context.Response.Headers.ContentRange;
        context.Response.Clear();
        if (problem.Status == StatusCodes.Status416RangeNotSatisfiable) context.Response.Headers.ContentRange = range;
        await problem.WriteAsync(context).ConfigureAwait(false);
    }
}
