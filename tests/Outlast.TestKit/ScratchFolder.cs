using System.Diagnostics;

namespace Outlast.TestKit;

/// <summary>A folder of a test's own under the temp folder, with a path short enough for a socket. Removed with everything in it; what still runs of a data folder in it is ended first, also when the test failed.</summary>
public sealed class ScratchFolder : IDisposable
{
    /// <summary>Absolute.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("outlast-").FullName;

    /// <summary>The path of a file in it.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose()
    {
        // A command that waits for a file that is gone now would wait, and take processor time from every later test, for ever.
        foreach (var pid in ProcessBench.ThoseOf(Path)) End(pid);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
                return;
            }
            catch (IOException) when (attempt < 50)
            {
                Thread.Sleep(20); // Somebody who dies has just written something.
            }
        }
    }

    private static void End(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It ended by itself.
        }
    }
}
