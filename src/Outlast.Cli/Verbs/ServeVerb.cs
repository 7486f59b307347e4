using System.CommandLine;
using System.Net;
using Outlast.Cli.Serving;

namespace Outlast.Cli.Verbs;

internal static class ServeVerb
{
    public const string Name = "serve", ListenOption = "--listen";

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make(Name, "Be the host, here in the foreground, until SIGTERM or Ctrl-C. Verbs start one by themselves where none runs", "host.json, once it serves; with --check what was found");
        var listen = new Option<string?>(ListenOption) { Description = "Also on loopback TCP, with the token in the data folder; port 0 takes a free one", HelpName = "127.0.0.1:0" };
        var onDemand = new Option<bool>(HostStarter.OnDemandOption) { Hidden = true };
        var check = new Option<bool>(HostRestart.CheckOption) { Description = "Only find out whether a host of this program could serve the data folder, and say so; a host that runs is not disturbed" };
        var install = new Option<bool>("--install") { Description = "Write a service of systemd that runs the host with this data folder, and say what to do next; nothing is started" };
        var system = new Option<bool>("--system") { Description = "With --install: for the machine, not for this user's sessions" };
        var print = new Option<bool>("--print") { Description = "With --install: only show the unit" };
        var force = new Option<bool>("--force") { Description = "With --install: replace a unit that says something else" };
        command.Options.Add(install);
        command.Options.Add(system);
        command.Options.Add(print);
        command.Options.Add(force);
        command.Validators.Add(result =>
        {
            if (!result.GetValue(install) && new[] { system, print, force }.FirstOrDefault(result.GetValue) is { } lone) result.AddError($"{lone.Name} is for --install only");
            if (result.GetValue(install) && result.GetValue(check)) result.AddError("--install and --check exclude each other");
            if (result.GetValue(install) && result.GetValue(json)) result.AddError("--json is not for --install: what it prints is to be read and typed");
        });
        command.Options.Add(listen);
        command.Options.Add(check);
        command.Options.Add(onDemand);
        command.SetAction(async (parsed, cancel) => parsed.GetValue(check)
            ? StartCheck.Run(context, parsed.GetValue(json))
            : parsed.GetValue(install) ? ServiceUnit.Install(context, Address(parsed.GetValue(listen)), parsed.GetValue(system), parsed.GetValue(print), parsed.GetValue(force))
            : await HostProgram.RunAsync(context, Address(parsed.GetValue(listen)), parsed.GetValue(onDemand), parsed.GetValue(json), cancel));
        return command;
    }

    private static IPEndPoint? Address(string? text) =>
        text is null ? null
        : IPEndPoint.TryParse(text, out var address) && IPAddress.IsLoopback(address.Address) ? address
        : throw CommandException.Usage($"--listen '{text}' is no loopback address with a port; use 127.0.0.1:0");
}
