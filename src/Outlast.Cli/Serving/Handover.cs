using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Outlast.Cli.Calling;

namespace Outlast.Cli.Serving;

/// <summary>What a host leaves to the program that follows it in the same process: open descriptors, and how to bring the former program back.</summary>
internal sealed record Handover
{
    /// <summary>The process, so that a copy of the variable means nothing to any other.</summary>
    public required int Pid { get; init; }
    /// <summary>The descriptor that holds the lock of the data folder.</summary>
    public required int Lock { get; init; }
    /// <summary>The descriptors that listen.</summary>
    public required IReadOnlyList<int> Listening { get; init; }
    /// <summary>The argument list of the former program, without <c>serve</c>; empty: there is none to go back to.</summary>
    public required IReadOnlyList<string> Former { get; init; }
    /// <summary>The former program's version.</summary>
    public required string Version { get; init; }
    /// <summary>The former host's epoch.</summary>
    public required long Epoch { get; init; }
    /// <summary>When tasks asked for a restart lately.</summary>
    public IReadOnlyList<DateTimeOffset> AskedByTasks { get; init; } = [];
    /// <summary>Why the program that was asked for could not serve; none: this is that program.</summary>
    public string? Failure { get; init; }

    /// <summary>What was left to this process; none if nothing was. Taken once: nothing that is started from here inherits it.</summary>
    public static Handover? Take()
    {
        var text = Environment.GetEnvironmentVariable(Caller.HandoverVariable);
        Environment.SetEnvironmentVariable(Caller.HandoverVariable, null);
        if (string.IsNullOrEmpty(text) || JsonSerializer.Deserialize(text, HandoverJson.Default.Handover) is not { } left || left.Pid != Environment.ProcessId) return null;
        foreach (var descriptor in left.Listening.Append(left.Lock)) LibC.CloseOnExec(descriptor);
        return left;
    }

    /// <summary>The sockets that listen.</summary>
    public IReadOnlyList<Socket> Sockets() => [.. Listening.Select(fd => new Socket(new SafeSocketHandle(fd, ownsHandle: true)))];

    public string ToVariable() => $"{Caller.HandoverVariable}={JsonSerializer.Serialize(this, HandoverJson.Default.Handover)}";
}

[JsonSerializable(typeof(Handover))]
internal sealed partial class HandoverJson : JsonSerializerContext;
