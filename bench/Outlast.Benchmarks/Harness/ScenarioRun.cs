namespace Outlast.Benchmarks.Harness;

/// <summary>What a scenario is given while it runs.</summary>
internal sealed class ScenarioRun(Session session, Scenario scenario, CancellationToken cancel)
{
    public CancellationToken Cancel => cancel;

    /// <summary>A size, as it was asked for or by default.</summary>
    public int this[string name] => session.SizeOf(scenario.Sizes.First(s => s.Name == name));

    /// <summary>An empty data folder on the disk that is measured.</summary>
    public DataFolder NewDataFolder() => session.NewDataFolder(scenario.Name);

    /// <inheritdoc cref="Session.HistoryAsync"/>
    public Task<DataFolder> HistoryAsync(int tasks) => session.HistoryAsync(tasks, cancel);

    /// <summary>A result of ours.</summary>
    public void Write(string variant, params IEnumerable<Figure> figures) => session.Write(scenario, "outlast", variant, figures);

    /// <summary>What the machine does without us, measured beside it.</summary>
    public void WriteRaw(string variant, params IEnumerable<Figure> figures) => session.Write(scenario, "raw", variant, figures);
}
