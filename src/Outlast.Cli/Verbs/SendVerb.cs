using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class SendVerb
{
    private const int AtOnce = 64 * 1024;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(5), LongestPause = TimeSpan.FromMilliseconds(200);

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("send", "Write to the standard input of a task that was started with --stdin open: a text as a line, or with - what is piped in here", "What was taken");
        var id = Verb.OneTask();
        var text = new Argument<string?>("TEXT") { Description = "The text, - for what is piped in here; after -- also one that begins with -", Arity = ArgumentArity.ZeroOrOne };
        var eof = new Option<bool>("--eof") { Description = "End its standard input, after the text where one is given" };
        var noNewline = new Option<bool>("--no-newline") { Description = "The text as it is, without a line's end" };
        command.Arguments.Add(id);
        command.Arguments.Add(text);
        command.Options.Add(eof);
        command.Options.Add(noNewline);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(id)!, parsed.GetValue(text), parsed.GetValue(eof), parsed.GetValue(noNewline), parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string name, string? text, bool eof, bool noNewline, bool json, CancellationToken cancel)
    {
        if (text is null && !eof) throw CommandException.Usage("'send' needs a text, - for what is piped in here, or --eof");
        if (noNewline && text is null or "-") throw CommandException.Usage("--no-newline goes with a text: nothing is added to anything else");
        using var client = context.Door.Open();
        var task = await TaskNames.FindAsync(client, context, name, cancel);
        var sent = text == "-" ? await PipeAsync(context, client, task, eof, cancel)
            : await InsistAsync(context, client, task, Encoding.UTF8.GetBytes(text is null ? "" : noNewline ? text : text + "\n"), eof, cancel);
        if (json) Json.Write(context.Terminal, sent, OutlastJson.Wire.InputView);
        return ExitCodes.Ok;
    }

    /// <summary>Hands on what is piped in here, at the pace of the task.</summary>
    private static async Task<InputView> PipeAsync(CommandContext context, OutlastHttpClient client, string task, bool eof, CancellationToken cancel)
    {
        var buffer = new byte[AtOnce];
        long sent = 0;
        int count;
        while ((count = LibC.Read(0, buffer)) > 0)
        {
            await InsistAsync(context, client, task, buffer.AsMemory(0, count), eof: false, cancel);
            sent += count;
        }
        // What could not be read is not the end: the task must not take a part for the whole.
        if (count < 0) throw new CommandException($"what is piped in here could not be read: {Marshal.GetPInvokeErrorMessage(-count)}. {Words.Count(sent, "byte")} {(sent == 1 ? "was" : "were")} sent, and no end", ExitCodes.Fault);
        if (eof) await client.SendAsync(task, ReadOnlyMemory<byte>.Empty, eof: true, cancel);
        return new(sent, eof ? true : null);
    }

    /// <summary>Sends all of it, and the end behind it: what the pipe has no room for follows as the task reads.</summary>
    private static async Task<InputView> InsistAsync(CommandContext context, OutlastHttpClient client, string task, ReadOnlyMemory<byte> bytes, bool eof, CancellationToken cancel)
    {
        var length = bytes.Length;
        for (var pause = FirstPause; ;)
        {
            try
            {
                await client.SendAsync(task, bytes, eof, cancel);
                return new(length, eof ? true : null);
            }
            catch (OutlastProblemException e) when (e.Type == ProblemTypes.InputFull)
            {
                var taken = e.Extensions["taken"].GetInt32();
                bytes = bytes[taken..];
                pause = taken > 0 ? FirstPause : pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
            await Task.Delay(pause, context.Time, cancel);
        }
    }
}
