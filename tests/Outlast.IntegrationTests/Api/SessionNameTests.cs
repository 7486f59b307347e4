using System.Net;
using Outlast.Client;

namespace Outlast.IntegrationTests.Api;

/// <summary>Names of sessions that a path cannot carry.</summary>
public sealed class SessionNameTests
{
    [Theory]
    [InlineData("/v1/sessions/mine/inbox/theirs/..")]
    [InlineData("/v1/sessions/mine/./inbox")]
    [InlineData("/v1/sessions/%2e%2e/sessions/mine/inbox")]
    [Trait("Requirement", "V-53")]
    public async Task A_path_that_names_a_way_reads_nobodys_inbox(string path)
    {
        await using var host = await ApiHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("http://outlast" + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        using var response = await host.Http.SendAsync(request);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.True(problem.GetProperty("errors").TryGetProperty("session", out _), problem.ToString());
    }
}
