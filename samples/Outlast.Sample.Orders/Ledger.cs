namespace Outlast.Sample.Orders;

/// <summary>Where every effect leaves a line, so that anybody can count how often each happened.</summary>
internal sealed class Ledger
{
    private readonly SemaphoreSlim _one = new(1);
    private readonly string _file;

    private Ledger(string file) => _file = file;

    public static Ledger In(string file) => new(Path.GetFullPath(file));

    /// <summary>Takes its time, and has then done it.</summary>
    public async Task WorkAsync(string effect, int pace, CancellationToken stop)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(pace), TimeProvider.System, stop);
        // From here on it happens: a line that is half written helps nobody.
        await _one.WaitAsync(CancellationToken.None);
        try
        {
            await File.AppendAllTextAsync(_file, effect + "\n", CancellationToken.None);
        }
        finally
        {
            _one.Release();
        }
    }
}
