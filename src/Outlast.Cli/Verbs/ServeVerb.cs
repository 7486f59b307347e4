using System.CommandLine;
using System.Net;
using Outlast.Cli.Serving;

namespace Outlast.Cli.Verbs;

internal static class ServeVerb
{
    public const string Name = "serve", ListenOption = "--listen";

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make(Name, "Be the host, here in the foreground, until SIGTERM or Ctrl-C. Verbs start one by themselves where none runs", "host.json, once it serves");
        var listen = new Option<string?>(ListenOption) { Description = "Also on loopback TCP, with the token in the data folder; port 0 takes a free one", HelpName = "127.0.0.1:0" };
        var onDemand = new Option<bool>(HostStarter.OnDemandOption) { Hidden = true };
        var check = new Option<bool>(HostRestart.CheckOption) { Description = "Only find out whether a host of this program could serve the data folder, and say so; a host that runs is not disturbed" };
        command.Options.Add(listen);
        command.Options.Add(check);
        command.Options.Add(onDemand);
        command.SetAction(async (parsed, cancel) => parsed.GetValue(check)
            ? StartCheck.Run(context)
            : await HostProgram.RunAsync(context, Address(parsed.GetValue(listen)), parsed.GetValue(onDemand), parsed.GetValue(json), cancel));
        return command;
    }

    private static IPEndPoint? Address(string? text) =>
        text is null ? null
        : IPEndPoint.TryParse(text, out var address) && IPAddress.IsLoopback(address.Address) ? address
        : throw CommandException.Usage($"--listen '{text}' is no loopback address with a port; use 127.0.0.1:0");
}
