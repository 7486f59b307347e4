using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults.Checking;

namespace Outlast.IntegrationTests.Faults;

/// <summary>Follows a task's output over its stream, through host deaths, from where it was: what arrives must be each byte once.</summary>
internal sealed class OutputFollower(HostConnection host, string id)
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>How many bytes arrived.</summary>
    public long Offset { get; private set; }

    /// <summary>What the host said that it left out.</summary>
    public string Gaps { get; private set; } = "";

    /// <summary>Waits so long after each piece, as a slow reader does.</summary>
    public TimeSpan Slowness { get; init; }

    /// <summary>Returns at the stream's <c>end</c>, or with what arrived until it is cancelled.</summary>
    public async Task<FollowedOutput> FollowAsync(CancellationToken cancel = default)
    {
        var ended = false;
        try
        {
            while (!ended)
            {
                try { ended = await ReadOneStreamAsync(cancel); }
                catch (Exception e) when (e is HttpRequestException or IOException) { }
                if (!ended) await Task.Delay(20, cancel);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested) { }
        return new(id, new(Offset, Convert.ToHexStringLower(_hash.GetHashAndReset())), ended, Gaps);
    }

    private async Task<bool> ReadOneStreamAsync(CancellationToken cancel)
    {
        using var stream = await host.StreamAsync($"/v1/tasks/{id}/output/stream?offset={Offset}", cancel);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string? type = null, data = null;
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            if (line.StartsWith("event: ", StringComparison.Ordinal)) type = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal)) data = line[6..];
            else if (line.Length == 0 && type is not null)
            {
                if (type == "end") return true;
                Take(type, JsonNode.Parse(data!)!);
                (type, data) = (null, null);
                if (Slowness > TimeSpan.Zero) await Task.Delay(Slowness, cancel);
            }
        }
        return false;
    }

    private void Take(string type, JsonNode data)
    {
        if (type == "gap")
        {
            Gaps += data.ToJsonString();
            Offset = (long)data["to"]!;
            return;
        }
        if ((long)data["offset"]! != Offset) throw new InvalidOperationException($"Follower of {id} is at {Offset} and was given {data["offset"]}.");
        var bytes = data["text"] is { } text ? Encoding.UTF8.GetBytes((string)text!) : Convert.FromBase64String((string)data["base64"]!);
        _hash.AppendData(bytes);
        Offset += bytes.Length;
    }
}
