using System.Diagnostics;
using System.Reflection;

namespace Outlast.FaultWorker;

/// <summary>The same host as <c>outlast serve</c>, through the program's own entry, with an instant at which it dies or stands still.</summary>
internal static class ServeMode
{
    public static int Run(string[] args)
    {
        var (point, rest) = Read(args);
        if (point is not null) DiagnosticListener.AllListeners.Subscribe(new CrashPointListener(point));
        string[] command = ["serve", .. rest];
        return (int)Assembly.Load("Outlast.Cli").EntryPoint!.Invoke(null, [command])!;
    }

    public static (CrashPoint? Point, string[] Serve) Read(string[] args)
    {
        string? at = null, then = null, pause = null;
        var throws = false;
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--at": at = args[++i]; break;
                case "--then": then = args[++i]; break;
                case "--pause": pause = args[++i]; break;
                case "--throw": throws = true; break;
                case "--": return (Point(), args[(i + 1)..]);
                // As a successor in the same process it is started like the program itself.
                default: return (Point(), args[i..]);
            }
        }
        return (Point(), []);

        CrashPoint? Point() => at is not null && CrashPoint.Parse(at) is var (milestone, time) ? new(milestone, time, then, pause, throws) : null;
    }
}
