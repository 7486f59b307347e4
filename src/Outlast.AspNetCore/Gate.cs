using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.Http;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>Lets only the owner in: checked on each request, before anything of it is looked at.</summary>
/// <remarks>
/// Over the Unix socket the kernel names the peer, who must be the host's own user; root is no exception, for root can become that user.
/// Over TCP the token is needed, and the host name must be of this machine, so that no web page reaches the host through a name of its own. A page of another origin is
/// refused on both.
/// </remarks>
internal static class Gate
{
    public static Func<HttpContext, RequestDelegate, Task> Wrap(OutlastServerOptions options) => async (context, next) =>
    {
        if (Refuse(context, options) is { } refusal)
        {
            context.Response.Headers.Connection = "close";
            if (refusal.Status == 401) context.Response.Headers.WWWAuthenticate = "Bearer";
            await refusal.WriteAsync(context).ConfigureAwait(false);
            return;
        }
        context.Features.Set(Passed.Gate);
        await next(context).ConfigureAwait(false);
        // The router says no without a word; a route's own answer has started by now.
        if (context.Response.HasStarted) return;
        if (context.Response.StatusCode == StatusCodes.Status404NotFound) await Problem.NoRoute(context.Request.Path).WriteAsync(context).ConfigureAwait(false);
        if (context.Response.StatusCode == StatusCodes.Status405MethodNotAllowed) await Problem.WrongMethod(context.Request.Method).WriteAsync(context).ConfigureAwait(false);
    };

    /// <summary>Lets in who came through the gate of a server of ours; elsewhere only where the program said who may: closed unless opened, and never for a page of another origin unless it said that too.</summary>
    /// <exception cref="RefusedException">It did not say.</exception>
    public static void Admit(HttpContext context)
    {
        if (context.Features.Get<Passed>() is not null) return;
        var said = context.GetEndpoint()?.Metadata;
        if (said?.GetMetadata<IAuthorizeData>() is null && said?.GetMetadata<IAllowAnonymous>() is null)
            throw new RefusedException(Problem.Forbidden("Nobody said who may use these routes: MapOutlast() needs RequireAuthorization(), or AllowAnonymous() where something else decides."));
        // A browser sends along what lets its user in, whoever wrote the page.
        if (IsForeign(context.Request) && said.GetMetadata<ICorsMetadata>() is null)
            throw new RefusedException(Problem.Forbidden($"A page of {context.Request.Headers.Origin} may not use these routes: MapOutlast() needs RequireCors() for that."));
    }

    /// <summary>Whether a page of another origin asks. Behind a proxy the scheme may be another; host and port are not.</summary>
    private static bool IsForeign(HttpRequest request) =>
        request.Headers.Origin is { Count: > 0 } origin && !(Uri.TryCreate(origin.ToString(), UriKind.Absolute, out var page) && page.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));

    private static Problem? Refuse(HttpContext context, OutlastServerOptions options)
    {
        var request = context.Request;
        var peer = context.Features.Get<Peer>();
        if (peer is null || peer.Uid != PeerCredentials.OwnUid)
            return Problem.Forbidden($"This host belongs to uid {PeerCredentials.OwnUid} and answers nobody else{(peer is null ? "" : $"; you are uid {peer.Uid}")}.");
        if (peer.OverTcp && !IsThisMachine(request.Host.Host)) return Problem.Forbidden($"This host is not called '{request.Host.Host}'; use 127.0.0.1, [::1] or localhost.");
        if (request.Headers.Origin is { Count: > 0 } origin && origin.ToString() != $"http://{request.Host}") return Problem.Forbidden($"A page of {origin} may not use this host.");
        if (peer.OverTcp && request.Path != "/healthz" && !ShowsToken(request, options.Token!)) return Problem.Unauthorized();
        return null;
    }

    private static bool IsThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool ShowsToken(HttpRequest request, string token) =>
        request.Headers.Authorization.ToString() is var shown && shown.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) && AccessToken.Matches(token, shown["Bearer ".Length..].Trim());
}

/// <summary>That a request came through the gate.</summary>
internal sealed class Passed
{
    public static Passed Gate { get; } = new();
}

/// <summary>Who acts, for records.</summary>
internal static class Caller
{
    /// <summary>Whom the kernel names; over routes that a program maps, whom the program has let in.</summary>
    public static Actor Of(HttpContext context) => context.Features.Get<Peer>() is { } peer
        ? new(ActorType.User, $"uid {peer.Uid}", context.Request.Headers["Outlast-Via"] == "cli" ? "cli" : "http")
        : new(ActorType.User, context.User.Identity is { IsAuthenticated: true, Name: { Length: > 0 } name } ? name : "anonymous", "http");
}
