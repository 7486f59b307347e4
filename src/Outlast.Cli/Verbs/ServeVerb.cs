using System.CommandLine;
using System.Net;
using Outlast.Cli.Serving;

namespace Outlast.Cli.Verbs;

internal static class ServeVerb
{
    public const string Name = "serve";

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make(Name, "Be the host, here in the foreground, until SIGTERM or Ctrl-C. Verbs start one by themselves where none runs", "host.json, once it serves");
        var listen = new Option<string?>("--listen") { Description = "Also on loopback TCP, with the token in the data folder; port 0 takes a free one", HelpName = "127.0.0.1:0" };
        var onDemand = new Option<bool>(HostStarter.OnDemandOption) { Hidden = true };
        command.Options.Add(listen);
        command.Options.Add(onDemand);
        command.SetAction((parsed, cancel) => HostProgram.RunAsync(context, Address(parsed.GetValue(listen)), parsed.GetValue(onDemand), parsed.GetValue(json), cancel));
        return command;
    }

    private static IPEndPoint? Address(string? text) =>
        text is null ? null
        : IPEndPoint.TryParse(text, out var address) && IPAddress.IsLoopback(address.Address) ? address
        : throw CommandException.Usage($"--listen '{text}' is no loopback address with a port; use 127.0.0.1:0");
}
