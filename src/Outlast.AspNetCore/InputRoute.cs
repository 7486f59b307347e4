using System.Text;
using Microsoft.AspNetCore.Http;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>What is sent to the standard input of a running task: a text in JSON, or bytes as they are.</summary>
internal sealed class InputRoute(Api api)
{
    public async Task SendAsync(HttpContext context)
    {
        var id = Api.IdOf(context);
        var (bytes, end) = IsJson(context.Request) ? await ReadJsonAsync(context).ConfigureAwait(false) : await ReadBytesAsync(context).ConfigureAwait(false);
        await api.Tasks.SendAsync(id, bytes, end, context.RequestAborted).ConfigureAwait(false);
        await Api.AnswerAsync(context, StatusCodes.Status200OK, new InputView(bytes.Length, end ? true : null), OutlastJson.Wire.InputView).ConfigureAwait(false);
    }

    private static bool IsJson(HttpRequest request) => request.ContentType is null || request.HasJsonContentType();

    private static async Task<(byte[] Bytes, bool End)> ReadJsonAsync(HttpContext context)
    {
        new QueryFields(context.Request.Query).ThrowIfAny();
        using var document = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        var errors = new FieldErrors();
        var fields = new JsonFields(document.RootElement, "", errors);
        var text = fields.Text("text");
        var end = fields.Flag("eof") ?? false;
        if (fields.WasEmpty) fields.Fail("text", "one of text and eof is needed");
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The input cannot be accepted");
        return (Encoding.UTF8.GetBytes(text ?? ""), end);
    }

    private static async Task<(byte[] Bytes, bool End)> ReadBytesAsync(HttpContext context)
    {
        var query = new QueryFields(context.Request.Query);
        var end = query.Flag("eof");
        query.ThrowIfAny();
        if (!string.Equals(context.Request.ContentType, "application/octet-stream", StringComparison.OrdinalIgnoreCase))
            throw new RefusedException(Problem.Invalid(new Dictionary<string, string[]> { ["Content-Type"] = ["must be application/json or application/octet-stream"] }, "The input cannot be accepted"));
        return (await RequestBody.ReadBytesAsync(context).ConfigureAwait(false), end);
    }
}
