using System.Globalization;

namespace Outlast.IntegrationTests.Faults;

/// <summary>What the runs in which hosts die at random have in common.</summary>
internal static class FaultRun
{
    /// <summary>A number that somebody has set for longer, shorter or repeated runs.</summary>
    public static int? Setting(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>Waits for the calm after the last death; if it does not come, fails with what is open and what the host said last.</summary>
    public static async Task CalmAsync(Func<Task> calm, TimeSpan within, CancellationTokenSource giveUp, int seed, HostConnection connection, HostProcess host)
    {
        giveUp.CancelAfter(within);
        try
        {
            await calm();
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            var open = await connection.GetAsync($"/v1/tasks?state={HostConnection.OpenStates}&limit=20");
            Assert.Fail($"seed {seed}: not calm within {within.TotalSeconds} s: {open}\n{string.Join('\n', host.Log.Split('\n').TakeLast(60))}");
        }
    }
}
