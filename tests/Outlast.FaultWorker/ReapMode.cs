using System.Collections;
using System.Runtime.InteropServices;
using Outlast.Runners.Processes;

namespace Outlast.FaultWorker;

/// <summary>Runs a program and buries whatever it orphans, as an init would. A suite that kills hosts by the hundred leaves thousands of orphans, and not every container's first process reaps them.</summary>
internal static unsafe partial class ReapMode
{
    private const int SetChildSubreaper = 36;

    public static int Run(string program, string[] arguments)
    {
        if (Control(SetChildSubreaper, 1, 0, 0, 0) != 0) Console.Error.WriteLine("reap: orphans cannot be taken in; they go to the first process of the machine");
        var path = Find(program) ?? throw new FileNotFoundException($"no '{program}' on PATH");
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(v => $"{v.Key}={v.Value}");
        var child = Spawner.Start(new() { Program = path, Arguments = [program, .. arguments], Environment = [.. variables], Descriptors = [(0, 0), (1, 1), (2, 2)], NewSession = false });
        while (true)
        {
            int status;
            var pid = Wait(-1, &status, 0);
            if (pid == child) return (status & 0x7F) == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F);
            if (pid < 0 && Marshal.GetLastPInvokeError() != Interrupted) return 125;
        }
    }

    private const int Interrupted = 4;

    private static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nuint a, nuint b, nuint c, nuint d);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int Wait(int pid, int* status, int options);
}
