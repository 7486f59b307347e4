using System.Net;

namespace Outlast.Client;

/// <summary>A body that goes once the host asks for it: of a request whose body was never asked for, it is known that nothing was done, whatever became of the connection.</summary>
internal sealed class HeldContent : HttpContent
{
    private readonly HttpContent _content;
    private volatile bool _wasAskedFor;

    private HeldContent(HttpContent content)
    {
        _content = content;
        foreach (var (name, values) in content.Headers) Headers.TryAddWithoutValidation(name, values);
    }

    public bool WasAskedFor => _wasAskedFor;

    /// <summary>Holds the body of a request back. Without one there is nothing to hold.</summary>
    public static HeldContent? Hold(HttpRequestMessage request)
    {
        if (request.Content is not { } content) return null;
        var held = new HeldContent(content);
        request.Content = held;
        request.Headers.ExpectContinue = true;
        return held;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        _wasAskedFor = true;
        return _content.CopyToAsync(stream, context, cancellationToken);
    }

    protected override bool TryComputeLength(out long length) => (length = _content.Headers.ContentLength ?? -1) >= 0;

    protected override void Dispose(bool disposing)
    {
        if (disposing) _content.Dispose();
        base.Dispose(disposing);
    }
}
