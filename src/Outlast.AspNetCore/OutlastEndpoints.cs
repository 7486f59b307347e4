using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Outlast.AspNetCore;

/// <summary>Outlast's routes.</summary>
public static class OutlastEndpoints
{
    /// <summary>Maps every route of the HTTP contract.</summary>
    /// <remarks>
    /// Whoever reaches these routes can run commands as this program's user. They answer nobody until it is said who may: <c>app.MapOutlast().RequireAuthorization()</c>, or <c>.AllowAnonymous()</c>
    /// where something else decides; only <c>/healthz</c> says <c>ok</c> to everybody. A page of another origin is refused, unless the program says <c>RequireCors()</c>. A server that is Outlast's alone has its own gate (<see cref="OutlastServer.UseOutlast(Microsoft.AspNetCore.Builder.WebApplication)"/>).
    /// </remarks>
    public static IEndpointConventionBuilder MapOutlast(this IEndpointRouteBuilder endpoints) => endpoints.MapOutlast(endpoints.ServiceProvider);

    /// <summary>The routes of a runtime that may be another program's.</summary>
    internal static IEndpointConventionBuilder MapOutlast(this IEndpointRouteBuilder endpoints, IServiceProvider runtime)
    {
        // Made at the first request, when the host has started.
        var api = new Lazy<Api>(() => new(runtime, endpoints.ServiceProvider.GetRequiredService<IHostApplicationLifetime>()));
        var routes = endpoints.MapGroup("");
        void Get(string pattern, Func<Api, HttpContext, Task> answer) => routes.MapGet(pattern, context => api.Value.Route(c => answer(api.Value, c))(context));
        void Post(string pattern, Func<Api, HttpContext, Task> answer) => routes.MapPost(pattern, context => api.Value.Route(c => answer(api.Value, c))(context));

        void Put(string pattern, Func<Api, HttpContext, Task> answer) => routes.MapPut(pattern, context => api.Value.Route(c => answer(api.Value, c))(context));
        void Delete(string pattern, Func<Api, HttpContext, Task> answer) => routes.MapDelete(pattern, context => api.Value.Route(c => answer(api.Value, c))(context));

        Post("/v1/tasks", (a, c) => new TaskRoutes(a).SubmitAsync(c));
        Get("/v1/tasks", (a, c) => new TaskRoutes(a).ListAsync(c));
        Get("/v1/resolve", (a, c) => new TaskRoutes(a).ResolveAsync(c));
        Get("/v1/wait", (a, c) => new WaitRoute(a).GetAsync(c));
        Get("/v1/tasks/{id}", (a, c) => new TaskRoutes(a).GetAsync(c));
        Get("/v1/tasks/{id}/tree", (a, c) => new TaskRoutes(a).TreeAsync(c));
        Post("/v1/tasks/{id}/stop", (a, c) => new TaskRoutes(a).StopAsync(c));
        Post("/v1/tasks/{id}/answer", (a, c) => new TaskRoutes(a).AnswerAsync(c));
        Post("/v1/tasks/{id}/extend", (a, c) => new TaskRoutes(a).ExtendAsync(c));
        Post("/v1/tasks/{id}/retry", (a, c) => new TaskRoutes(a).RetryAsync(c));
        Delete("/v1/tasks/{id}", (a, c) => new TaskRoutes(a).RemoveAsync(c));
        Post("/v1/tasks/{id}/input", (a, c) => new InputRoute(a).SendAsync(c));
        Get("/v1/tasks/{id}/output", (a, c) => new OutputRoutes(a).GetAsync(c));
        Get("/v1/tasks/{id}/output/times", (a, c) => new OutputRoutes(a).TimesAsync(c));
        Get("/v1/tasks/{id}/output/stream", (a, c) => new OutputRoutes(a).StreamAsync(c));
        Get("/v1/events", (a, c) => new EventRoutes(a).GetAsync(c));
        Get("/v1/sessions", (a, c) => new SessionRoutes(a).ListAsync(c));
        Get("/v1/sessions/{s}", (a, c) => new SessionRoutes(a).GetAsync(c));
        Put("/v1/sessions/{s}", (a, c) => new SessionRoutes(a).SetAsync(c));
        Delete("/v1/sessions/{s}", (a, c) => new SessionRoutes(a).CloseAsync(c));
        Get("/v1/sessions/{s}/inbox", (a, c) => new SessionRoutes(a).InboxAsync(c));
        Post("/v1/sessions/{s}/inbox/ack", (a, c) => new SessionRoutes(a).AcknowledgeAsync(c));
        Get("/v1/host", (a, c) => new HostRoutes(a).GetAsync(c));
        Post("/v1/host/shutdown", (a, c) => new HostRoutes(a).ShutdownAsync(c));
        Post("/v1/host/restart", (a, c) => new HostRoutes(a).RestartAsync(c));
        Get("/v1/doctor", (a, c) => new HostRoutes(a).DoctorAsync(c));
        Get("/readyz", (a, c) => new HostRoutes(a).ReadyAsync(c));
        routes.MapGet("/healthz", HostRoutes.HealthAsync);
        return routes;
    }
}
