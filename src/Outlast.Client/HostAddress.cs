using System.Text.Json;

namespace Outlast.Client;

/// <summary>Where a host is: a Unix socket, or loopback TCP with a token.</summary>
public sealed record HostAddress
{
    private HostAddress() { }

    /// <summary>The Unix socket; none for TCP.</summary>
    public string? Socket { get; private init; }
    /// <summary>The address on TCP; none for a socket.</summary>
    public Uri? Url { get; private init; }
    /// <summary>What a caller over TCP must show.</summary>
    public string? Token { get; private init; }

    /// <summary>A host on a Unix socket.</summary>
    public static HostAddress OfSocket(string path) => new() { Socket = path };

    /// <summary>A host on TCP.</summary>
    public static HostAddress OfUrl(Uri url, string token) => new() { Url = url, Token = token };

    /// <summary>The host that a data folder's <c>host.json</c> names, alive or not; none if there never was one.</summary>
    public static HostAddress? Find(string dataFolder) => ReadHostFile(dataFolder) is { } host ? OfSocket(host.Socket) : null;

    /// <summary>Reads a data folder's <c>host.json</c>; none if it is not there or not (yet) whole.</summary>
    public static HostFile? ReadHostFile(string dataFolder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(dataFolder, "host.json")), OutlastJson.Wire.HostFile);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Socket ?? Url!.ToString();
}
