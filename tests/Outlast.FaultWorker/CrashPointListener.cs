using System.Diagnostics;

namespace Outlast.FaultWorker;

/// <summary>Brings the milestones of this process to its crash point.</summary>
internal sealed class CrashPointListener(CrashPoint point) : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
{
    public void OnNext(DiagnosticListener listener)
    {
        if (listener.Name == "Outlast") listener.Subscribe(this, name => name == point.Milestone);
    }

    public void OnNext(KeyValuePair<string, object?> milestone) => point.Reach(milestone.Key, (TaskId?)milestone.Value);
    public void OnCompleted() { }
    public void OnError(Exception error) { }
}
