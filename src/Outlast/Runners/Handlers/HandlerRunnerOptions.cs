using System.Text.Json;

namespace Outlast.Runners.Handlers;

/// <summary>What the handler runner may be told.</summary>
public sealed class HandlerRunnerOptions
{
    /// <summary>How long code that has not returned after its grace may go on under the hard token, before its task ends without it.</summary>
    /// <value>10 seconds.</value>
    public TimeSpan AbandonAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How inputs, results and steps are written as JSON, where a handler was added without a context of its own.</summary>
    /// <value>As on the web: names in camelCase.</value>
    public JsonSerializerOptions Json { get; init; } = JsonSerializerOptions.Web;
}
