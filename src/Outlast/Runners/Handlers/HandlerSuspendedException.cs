namespace Outlast.Runners.Handlers;

/// <summary>The host goes, and the attempt goes on with the next one: what a boundary throws then. Whether the code lets it through or not, the attempt is suspended.</summary>
internal sealed class HandlerSuspendedException(CancellationToken token) : OperationCanceledException("The host goes; the task goes on with the next one, after its last finished step.", token);
