using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>Hands what somebody sends to a running attempt; waits a moment for one that is about to read.</summary>
internal sealed class InputSender(TaskLedger ledger, LiveAttempts attempts, RunnerSet runners, Executor executor, TimeProvider time)
{
    /// <summary>How long a command may take to open its input, and a task to start.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2), Look = TimeSpan.FromMilliseconds(10);

    /// <exception cref="InputFullException">It did not take all of it.</exception>
    /// <exception cref="InputClosedException">It takes nothing more.</exception>
    /// <exception cref="TaskNotStartedException">It has not started yet.</exception>
    /// <exception cref="TaskEndedException">It has ended.</exception>
    public async Task SendAsync(TaskId id, ReadOnlyMemory<byte> bytes, bool end, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var record = attempts.Find(id)?.Record is { State: var state } live && !state.IsTerminal() ? live : await ledger.ReadAsync(id, cancel);
            if (record.State.IsTerminal()) throw new TaskEndedException(record);
            if (record.Spec.Process?.Stdin is not { Kind: StdinKind.Open }) throw new InputClosedException(record, 0, InputClosure.NeverOpen);
            if (record.IsFinishing) throw new InputClosedException(record, 0, InputClosure.Unread);
            var receipt = record.Claim is null ? new(0, InputState.NotStarted) : runners.For(record.Spec.Kind).Send(executor.ContextOf(record), bytes.Span, end);
            switch (receipt.State)
            {
                case InputState.Taken: return;
                case InputState.Full: throw new InputFullException(record, receipt.Taken);
                case InputState.Ended: throw new InputClosedException(record, receipt.Taken, InputClosure.Ended);
                case InputState.Unread when receipt.Taken > 0 || IsOver(): throw new InputClosedException(record, receipt.Taken, InputClosure.Unread);
                case InputState.NotStarted when IsOver(): throw new TaskNotStartedException(record);
                case InputState.Unread or InputState.NotStarted: break;
            }
            await Task.Delay(Look, time, cancel);
        }

        bool IsOver() => time.GetElapsedTime(began) >= Patience;
    }
}
