using System.Net;
using System.Text.Json;

namespace Outlast.Client;

/// <summary>A host's answer that says why it did not do what was asked (<c>application/problem+json</c>).</summary>
public sealed class OutlastProblemException : Exception
{
    private OutlastProblemException(
        string type, string title, int status, string? detail, IReadOnlyDictionary<string, string[]> errors, IReadOnlyDictionary<string, JsonElement> extensions)
        : base(Compose(title, detail, errors))
    {
        Type = type;
        Title = title;
        Status = status;
        Detail = detail;
        Errors = errors;
        Extensions = extensions;
    }

    /// <summary>One of <see cref="ProblemTypes"/>.</summary>
    public string Type { get; }
    /// <summary>For people.</summary>
    public string Title { get; }
    /// <summary>The HTTP status.</summary>
    public int Status { get; }
    /// <summary>For people, about this case.</summary>
    public string? Detail { get; }
    /// <summary>Every bad field, by its JSON path, with what is wrong.</summary>
    public IReadOnlyDictionary<string, string[]> Errors { get; }
    /// <summary>All other fields.</summary>
    public IReadOnlyDictionary<string, JsonElement> Extensions { get; }

    /// <summary>The text of an extension field; none if it is absent or no text.</summary>
    public string? Text(string extension) => Extensions.TryGetValue(extension, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    internal static OutlastProblemException Read(HttpStatusCode status, ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            var document = JsonElement.ParseValue(ref reader);
            return document.ValueKind == JsonValueKind.Object ? Of(status, document) : Unspoken(status);
        }
        catch (JsonException)
        {
            return Unspoken(status);
        }
    }

    private static OutlastProblemException Of(HttpStatusCode status, JsonElement document)
    {
        string type = "about:blank", title = status.ToString();
        string? detail = null;
        Dictionary<string, string[]> errors = [];
        Dictionary<string, JsonElement> extensions = [];
        foreach (var field in document.EnumerateObject())
        {
            switch (field.Name, field.Value.ValueKind)
            {
                case ("type", JsonValueKind.String): type = field.Value.GetString()!; break;
                case ("title", JsonValueKind.String): title = field.Value.GetString()!; break;
                case ("detail", JsonValueKind.String): detail = field.Value.GetString(); break;
                case ("status", _): break;
                case ("errors", JsonValueKind.Object):
                    foreach (var error in field.Value.EnumerateObject()) errors[error.Name] = [.. error.Value.EnumerateArray().Select(e => e.ToString())];
                    break;
                default: extensions[field.Name] = field.Value; break;
            }
        }
        return new(type, title, (int)status, detail, errors, extensions);
    }

    /// <summary>An answer without a body that says more, from something between or a broken host.</summary>
    private static OutlastProblemException Unspoken(HttpStatusCode status) =>
        new("about:blank", $"The host answered {(int)status} {status}", (int)status, null, new Dictionary<string, string[]>(), new Dictionary<string, JsonElement>());

    private static string Compose(string title, string? detail, IReadOnlyDictionary<string, string[]> errors)
    {
        var text = detail is null ? title : $"{title}: {detail}";
        return errors.Count == 0 ? text : text + ": " + string.Join("; ", errors.SelectMany(e => e.Value.Select(v => $"{e.Key}: {v}")));
    }
}

/// <summary>The host cannot be reached, or went away and did not come back in time.</summary>
/// <param name="message">In words.</param>
/// <param name="maybeDone">Whether the request may have reached it all the same.</param>
/// <param name="inner">What the connection said.</param>
public sealed class HostUnreachableException(string message, bool maybeDone, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the request may have reached the host all the same.</summary>
    public bool MaybeDone { get; } = maybeDone;
}
