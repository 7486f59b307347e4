using System.CommandLine;
using System.Text.Json;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class VersionVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("version", "The version of this program, and of the host that runs", "Both");
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(json), cancel));
        return command;
    }

    public static string Describe(HostView host, DateTimeOffset now) => Words.Invariant(
        $"host {host.Version} ({host.HostId}, pid {host.Pid}, since {Words.At(host.StartedAt, now)}, {host.Store.Kind} {host.Store.Library}, durability {host.Store.Durability}), data in {host.DataFolder}");

    private static async Task<int> RunAsync(CommandContext context, bool json, CancellationToken cancel)
    {
        using var client = context.Door.OpenIfRunning();
        var host = client is null ? null : await client.HostAsync(cancel);
        if (json) WriteJson(context.Terminal, host);
        else
        {
            context.Terminal.Line($"outlast {ProgramVersion.Text}");
            context.Terminal.Line(host is null ? $"host none is running for {context.Door.Folder}" : Describe(host, context.Time.GetUtcNow()));
        }
        return ExitCodes.Ok;
    }

    private static void WriteJson(Terminal terminal, HostView? host)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new() { Encoder = OutlastJson.Wire.Options.Encoder }))
        {
            writer.WriteStartObject();
            writer.WriteString("version", ProgramVersion.Text);
            if (host is not null)
            {
                writer.WritePropertyName("host");
                JsonSerializer.Serialize(writer, host, OutlastJson.Wire.HostView);
            }
            writer.WriteEndObject();
        }
        terminal.Write([.. buffer.ToArray(), (byte)'\n']);
    }
}
