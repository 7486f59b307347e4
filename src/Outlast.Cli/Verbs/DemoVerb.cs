using System.CommandLine;
using System.Runtime.InteropServices;
using Outlast.Cli.Demonstrating;

namespace Outlast.Cli.Verbs;

internal static class DemoVerb
{
    public const string Name = "demo";

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make(Name, "The whole story in under a minute, in a folder of its own: five tasks, a host that is killed, adoption, a restart, a stop with proof. Exit code 1 if anything is not as promised", "The proof, a line each; no story");
        var keep = new Option<bool>("--keep") { Description = "Leave the folder, to look at it" };
        command.Options.Add(keep);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(keep), parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, bool keep, bool json, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("outlast-demo-").FullName;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var signals = new SignalSet(over);
        var demonstration = new Demonstration(context, folder, tells: !json);
        var start = context.Time.GetTimestamp();
        try
        {
            await demonstration.RunAsync(over.Token);
        }
        catch (OperationCanceledException)
        {
            context.Terminal.Say("left in the middle; cleaning up");
        }
        finally
        {
            await demonstration.CleanAsync();
            if (!keep) Directory.Delete(folder, recursive: true);
        }
        if (keep) context.Terminal.Say($"left for you: {folder}");
        if (over.IsCancellationRequested) return signals.Number is { } number ? ExitCodes.OfSignal(number) : ExitCodes.Stopped;
        Tell(context, demonstration.Proof, json, Rendering.Words.Length(context.Time.GetElapsedTime(start)));
        return demonstration.Proof.Holds ? ExitCodes.Ok : ExitCodes.Fault;
    }

    private static void Tell(CommandContext context, Proof proof, bool json, string took)
    {
        if (json)
        {
            foreach (var line in proof.Lines) Json.Write(context.Terminal, line, CliJson.Relaxed.ProofLine);
            return;
        }
        context.Terminal.Line("");
        foreach (var line in proof.Table(context.Terminal.OutIsTerminal, context.Terminal.Width, context.Terminal.Ink)) context.Terminal.Line(line);
        context.Terminal.Line("");
        context.Terminal.Say(proof.Holds ? $"everything is as promised, after {took}; nothing of it is left" : $"NOT everything is as promised, after {took}");
    }

    /// <summary>Whoever ends the story early gets it cleaned up all the same.</summary>
    private sealed class SignalSet : IDisposable
    {
        private readonly List<PosixSignalRegistration> _registrations = [];

        public SignalSet(CancellationTokenSource over)
        {
            foreach (var (signal, number) in ((PosixSignal, int)[])[(PosixSignal.SIGINT, 2), (PosixSignal.SIGTERM, 15), (PosixSignal.SIGQUIT, 3), (PosixSignal.SIGHUP, 1)])
            {
                _registrations.Add(PosixSignalRegistration.Create(signal, received =>
                {
                    received.Cancel = true;
                    Number ??= number;
                    over.Cancel();
                }));
            }
        }

        public int? Number { get; private set; }

        public void Dispose() => _registrations.ForEach(r => r.Dispose());
    }
}
