using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Outlast.AspNetCore;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed partial class GateTests
{
    private static readonly string Token = new('t', 64);

    [Fact]
    public async Task The_socket_is_the_owners_alone_from_its_first_moment()
    {
        await using var host = await ApiHost.StartAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(host.Options.SocketPath));
    }

    [Fact]
    public async Task Another_user_is_refused_by_the_kernels_word_even_where_the_files_would_let_it_in()
    {
        if (PeerCredentials.OwnUid != 0) return;   // Only root can become somebody else; the check itself is the same for everybody.
        await using var host = await ApiHost.StartAsync();
        File.SetUnixFileMode(Path.GetDirectoryName(host.Options.SocketPath)!, (UnixFileMode)0b111_101_101);
        File.SetUnixFileMode(host.Options.SocketPath, (UnixFileMode)0b110_110_110);
        using var stranger = await ConnectAsAsync(65534, host.Options.SocketPath);
        var answer = await AskAsync(stranger);
        Assert.StartsWith("HTTP/1.1 403", answer);
        Assert.Contains(ProblemTypes.Forbidden, answer);
        Assert.Contains("uid 65534", answer);
        using var owner = await ConnectAsAsync(0, host.Options.SocketPath);
        Assert.StartsWith("HTTP/1.1 200", await AskAsync(owner));
    }

    [Theory]
    [InlineData("/v1/tasks")]
    [InlineData("/v1/host")]
    [InlineData("/readyz")]
    [InlineData("/v1/nothing")]
    public async Task Over_TCP_every_route_but_healthz_needs_the_token(string route)
    {
        await using var host = await StartOnTcpAsync();
        using var http = new HttpClient { BaseAddress = host.Url };
        foreach (var shown in (string?[])[null, "Bearer " + new string('x', 64), "Bearer " + Token[..63], "Bearer", "Bearer ", "Basic " + Token, Token, "Bearer " + Token + "t"])
        {
            using var refused = await ApiHost.GetAsync(http, route, shown is null ? [] : [("Authorization", shown)]);
            await refused.ProblemAsync(HttpStatusCode.Unauthorized, ProblemTypes.Unauthorized);
            Assert.Equal("Bearer", refused.Headers.WwwAuthenticate.Single().Scheme);
        }
        using var response = await ApiHost.GetAsync(http, route, ("Authorization", "Bearer " + Token));
        Assert.NotEqual(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("ok\n", await http.GetStringAsync("/healthz"));
    }

    [Fact]
    public async Task A_client_with_the_token_speaks_TCP()
    {
        await using var host = await StartOnTcpAsync();
        using var client = new OutlastHttpClient(HostAddress.OfUrl(host.Url, Token));
        var task = await client.SubmitAsync(new() { Process = new() { Argv = ["a"] } });
        Assert.Equal(task.Id, (await client.GetAsync(task.Id)).Id);
        using var wrong = new OutlastHttpClient(HostAddress.OfUrl(host.Url, "wrong"));
        Assert.Equal(ProblemTypes.Unauthorized, (await Assert.ThrowsAsync<OutlastProblemException>(() => wrong.HostAsync())).Type);
    }

    [Theory]
    [InlineData("evil.example", false)]
    [InlineData("localhost.evil.example", false)]
    [InlineData("127.0.0.1.evil.example", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("localhost", true)]
    [InlineData("LOCALHOST:80", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.1.2.3:9", true)]
    [InlineData("[::1]:9", true)]
    public async Task Over_TCP_the_host_name_must_be_of_this_machine(string name, bool accepted)
    {
        await using var host = await StartOnTcpAsync();
        using var http = new HttpClient { BaseAddress = host.Url };
        using var response = await ApiHost.GetAsync(http, "/v1/host", ("Host", name), ("Authorization", "Bearer " + Token));
        if (accepted) Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        else await response.ProblemAsync(HttpStatusCode.Forbidden, ProblemTypes.Forbidden);
    }

    [Theory]
    [InlineData("http://evil.example")]
    [InlineData("https://outlast")]
    [InlineData("http://outlast:1")]
    [InlineData("null")]
    public async Task A_page_of_another_origin_is_refused_and_nothing_allows_it(string origin)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.GetAsync("/v1/host", ("Origin", origin));
        await response.ProblemAsync(HttpStatusCode.Forbidden, ProblemTypes.Forbidden);
        Assert.DoesNotContain(response.Headers, h => h.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
        using var own = await host.GetAsync("/v1/host", ("Origin", "http://outlast"));
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
    }

    [Fact]
    public async Task The_actor_is_the_peer_and_only_the_command_line_says_so()
    {
        await using var host = await ApiHost.StartAsync();
        (await host.PostAsync("/v1/tasks", """{"process":{"argv":["a"]}}""")).Dispose();
        Assert.Equal(new Actor(ActorType.User, $"uid {PeerCredentials.OwnUid}", "http"), host.Tasks.Submissions[0].Actor);
    }

    [Fact]
    public async Task The_server_tells_nothing_of_itself_and_speaks_only_HTTP_1()
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.GetAsync("/healthz");
        Assert.False(response.Headers.Contains("Server"));
        Assert.Equal(new Version(1, 1), response.Version);
    }

    [Fact]
    public void Addresses_beyond_this_machine_and_long_paths_are_refused()
    {
        var listen = new OutlastServerOptions { SocketPath = "/tmp/s", Token = Token, Listen = new(IPAddress.Any, 0) };
        Assert.Contains("loopback", Assert.Throws<ArgumentException>(() => OutlastServer.CreateBuilder(listen)).Message);
        var tokenless = new OutlastServerOptions { SocketPath = "/tmp/s", Listen = new(IPAddress.Loopback, 0) };
        Assert.Contains("token", Assert.Throws<ArgumentException>(() => OutlastServer.CreateBuilder(tokenless)).Message);
        var longPath = new OutlastServerOptions { SocketPath = "/tmp/" + new string('é', 48) };
        Assert.Contains("longer than 100 bytes", Assert.Throws<ArgumentException>(() => OutlastServer.CreateBuilder(longPath)).Message);
        Assert.Throws<ArgumentException>(() => OutlastServer.CreateBuilder(new() { SocketPath = "relative" }));
    }

    [Fact]
    public void The_token_is_made_once_for_its_owner_alone()
    {
        using var folder = new ScratchFolder();
        var token = AccessToken.LoadOrCreate(folder.File("token"));
        Assert.Equal((64, token), (token.Length, AccessToken.LoadOrCreate(folder.File("token"))));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File("token")));
        File.WriteAllText(folder.File("empty"), "");
        Assert.Throws<IOException>(() => AccessToken.LoadOrCreate(folder.File("empty")));
    }

    [Fact]
    public void The_hosts_own_environment_has_no_marks_of_a_task()
    {
        Environment.SetEnvironmentVariable("OUTLAST_ENV_3", "a.b=1");
        Environment.SetEnvironmentVariable("OUTLAST_TEST_KEPT", "1");
        try
        {
            var captured = HostEnvironment.Capture().Variables;
            Assert.Equal("1", captured["OUTLAST_TEST_KEPT"]);
            Assert.DoesNotContain("OUTLAST_ENV_3", captured.Keys);
        }
        finally
        {
            Environment.SetEnvironmentVariable("OUTLAST_ENV_3", null);
            Environment.SetEnvironmentVariable("OUTLAST_TEST_KEPT", null);
        }
    }

    private static Task<ApiHost> StartOnTcpAsync() =>
        ApiHost.StartAsync(options: o => new() { SocketPath = o.SocketPath, Listen = new(IPAddress.Loopback, 0), Token = Token });

    /// <summary>Connects as another user: on Linux the system call, unlike the library's, changes one thread alone.</summary>
    private static Task<Socket> ConnectAsAsync(int uid, string path)
    {
        var connected = new TaskCompletionSource<Socket>();
        new Thread(() =>
        {
            try
            {
                var number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 147 : 117;   // setresuid
                Assert.Equal(0, SystemCall(number, -1, uid, -1));
                try
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    socket.Connect(new UnixDomainSocketEndPoint(path));
                    connected.SetResult(socket);
                }
                finally
                {
                    Assert.Equal(0, SystemCall(number, -1, 0, -1));
                }
            }
            catch (Exception e)
            {
                connected.TrySetException(e);
            }
        }).Start();
        return connected.Task;
    }

    private static async Task<string> AskAsync(Socket socket)
    {
        await socket.SendAsync("GET /v1/host HTTP/1.1\r\nHost: outlast\r\nConnection: close\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(new NetworkStream(socket));
        return await reader.ReadToEndAsync().Soon();
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint first, nint second, nint third);
}
