using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Outlast.AspNetCore;
using Outlast.IntegrationTests.Api;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Hosting;

/// <summary>Outlast's routes and health among those of a web application.</summary>
public sealed class MappedRoutesTests
{
    [Fact]
    public async Task Routes_are_closed_until_it_is_said_who_may()
    {
        await using var app = await StartAsync(a => a.MapOutlast());
        using var client = ClientOf(app);

        await (await client.GetAsync("/v1/tasks")).ProblemAsync(HttpStatusCode.Forbidden, "urn:outlast:forbidden");
        await (await client.PostAsync("/v1/tasks", new StringContent("{}"))).ProblemAsync(HttpStatusCode.Forbidden, "urn:outlast:forbidden");
        // That the process answers is no secret.
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/healthz")).StatusCode);
    }

    [Fact]
    public async Task The_program_says_who_may()
    {
        await using var app = await StartAsync(a => a.MapOutlast().RequireAuthorization());
        using var client = ClientOf(app);

        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/tasks")).StatusCode);
        client.DefaultRequestHeaders.Add("Who", "operator");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/tasks")).StatusCode);
        await (await client.PostAsync("/v1/host/shutdown", null)).ProblemAsync(HttpStatusCode.Conflict, "urn:outlast:embedded");
    }

    [Fact]
    public async Task A_page_of_another_origin_is_refused_and_whoever_acts_is_named_as_the_program_knows_him()
    {
        await using var app = await StartAsync(a => a.MapOutlast().RequireAuthorization());
        using var client = ClientOf(app);
        client.DefaultRequestHeaders.Add("Who", "operator");
        client.DefaultRequestHeaders.Add("Outlast-Via", "cli");
        var task = new StringContent("""{"handler": "absent"}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));

        using var foreign = new HttpRequestMessage(HttpMethod.Post, "/v1/tasks") { Content = task, Headers = { { "Origin", "http://evil.example" } } };
        await (await client.SendAsync(foreign)).ProblemAsync(HttpStatusCode.Forbidden, "urn:outlast:forbidden");
        using var own = new HttpRequestMessage(HttpMethod.Put, "/v1/sessions/s") { Content = new StringContent("""{"notify": "hold"}"""), Headers = { { "Origin", client.BaseAddress!.GetLeftPart(UriPartial.Authority) } } };
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(own)).StatusCode);

        using var submitted = await client.PostAsync("/v1/tasks", new StringContent("""{"handler": "nothing"}"""));
        var events = await client.GetStringAsync($"/v1/events?task={(await submitted.JsonAsync()).GetProperty("id").GetString()}");
        Assert.Contains("\"id\":\"operator\",\"via\":\"http\"", events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Or_that_everybody_may()
    {
        await using var app = await StartAsync(a => a.MapOutlast().AllowAnonymous());
        using var client = ClientOf(app);

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/host")).StatusCode);
    }

    [Fact]
    public async Task A_host_that_takes_work_is_healthy_and_one_that_drains_is_not()
    {
        await using var app = await StartAsync(a => a.MapOutlast());
        var health = app.Services.GetRequiredService<HealthCheckService>();

        var report = await health.CheckHealthAsync();
        // What the machine that runs the tests has wrong is not ours to say; that work is taken is.
        Assert.NotEqual(HealthStatus.Unhealthy, report.Status);
        Assert.Contains("durability full", (string)report.Entries["outlast"].Data["store"], StringComparison.Ordinal);

        await app.Services.GetRequiredService<IHostDeparture>().PrepareAsync(new(DepartureMode.Leave, Actor.Rule("test")));
        var draining = await health.CheckHealthAsync();
        Assert.Equal((HealthStatus.Unhealthy, "the host is draining: it takes no new work"), (draining.Status, draining.Entries["outlast"].Description));
    }

    private static HttpClient ClientOf(WebApplication app) => new() { BaseAddress = new(app.Urls.Single()) };

    private static async Task<OwnedApplication> StartAsync(Action<WebApplication> map)
    {
        var folder = new ScratchFolder();
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ApplicationName = "Outlast.IntegrationTests", ContentRootPath = folder.Path });
        builder.Logging.ClearProviders();
        builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
        builder.Services.AddOutlast(builder.Configuration.GetSection("Outlast")).UseSqlite(folder.File("data")).AddHandler("nothing", _ => Task.CompletedTask);
        builder.Services.AddHealthChecks().AddOutlast();
        builder.Services.AddAuthentication(ByHeader.Scheme).AddScheme<AuthenticationSchemeOptions, ByHeader>(ByHeader.Scheme, null);
        builder.Services.AddAuthorization();
        var app = builder.Build();
        map(app);
        await app.StartAsync();
        return new(app, folder);
    }

    private sealed class OwnedApplication(WebApplication app, ScratchFolder folder) : IAsyncDisposable
    {
        public IServiceProvider Services => app.Services;

        public static implicit operator WebApplication(OwnedApplication owned) => owned.Application;

        private WebApplication Application => app;

        public async ValueTask DisposeAsync()
        {
            await app.StopAsync();
            await app.DisposeAsync();
            folder.Dispose();
        }
    }

    /// <summary>Whoever says who they are is believed.</summary>
    private sealed class ByHeader(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logs, UrlEncoder encoder) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
    {
        public new const string Scheme = "header";

        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Request.Headers["Who"].ToString() is { Length: > 0 } who
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(new ClaimsIdentity([new(ClaimTypes.Name, who)], Scheme)), Scheme))
            : AuthenticateResult.NoResult());
    }
}
