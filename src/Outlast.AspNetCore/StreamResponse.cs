using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Outlast.AspNetCore;

/// <summary>An answer that goes on for a while. Holds what was written until it is flushed, and lets go of a reader that does not read.</summary>
internal sealed class StreamResponse
{
    private readonly HttpContext _context;
    private readonly StreamOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationToken _over;
    private long _lastFlush;

    /// <param name="context">The request.</param>
    /// <param name="options">The limits.</param>
    /// <param name="time">Their clock.</param>
    /// <param name="log">Learns of readers that were let go.</param>
    /// <param name="over">The reader is gone, or the host goes.</param>
    public StreamResponse(HttpContext context, StreamOptions options, TimeProvider time, ILogger log, CancellationToken over)
    {
        (_context, _options, _time, _log, _over) = (context, options, time, log, over);
        // Kestrel would cut off a reader that rests for five seconds; here the limit below holds.
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate) rate.MinDataRate = null;
        _lastFlush = time.GetTimestamp();
    }

    public PipeWriter Body => _context.Response.BodyWriter;

    public TimeSpan UntilHeartbeat => _options.Heartbeat - _time.GetElapsedTime(_lastFlush);

    /// <summary>Sends what was written.</summary>
    /// <exception cref="OperationCanceledException">The reader is gone, was let go, or the host goes.</exception>
    public async ValueTask FlushAsync()
    {
        _over.ThrowIfCancellationRequested();
        var flush = Body.FlushAsync(_over);
        if (!(flush.IsCompletedSuccessfully ? flush.Result : await PatientlyAsync(flush.AsTask()).ConfigureAwait(false)).IsCompleted)
        {
            _lastFlush = _time.GetTimestamp();
            return;
        }
        throw new OperationCanceledException("The reader is gone.");
    }

    private async Task<FlushResult> PatientlyAsync(Task<FlushResult> flush)
    {
        try
        {
            return await flush.WaitAsync(_options.SlowReaderLimit, _time, _over).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            HttpLog.SlowReader(_log, _context.Request.Path, _options.SlowReaderLimit.TotalSeconds);
            _context.Abort();
            throw new OperationCanceledException("The reader did not read.");
        }
    }
}
