using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Outlast.Runners.Handlers;

/// <summary>One handler, as it was added, without its types.</summary>
internal abstract class HandlerRegistration(string name, IJsonTypeInfoResolver? types)
{
    public string Name => name;

    /// <summary>How its values are written: its own context first, the runner's options for what that does not know.</summary>
    public JsonSerializerOptions OptionsOver(JsonSerializerOptions shared)
    {
        if (types is null)
        {
            shared.MakeReadOnly(populateMissingResolver: true);
            return shared;
        }
        var own = new JsonSerializerOptions(shared) { TypeInfoResolver = JsonTypeInfoResolver.Combine(types, shared.TypeInfoResolver ?? new DefaultJsonTypeInfoResolver()) };
        own.MakeReadOnly();
        return own;
    }

    /// <summary>Refuses values that cannot be written as JSON before anything runs.</summary>
    /// <exception cref="NotSupportedException">One cannot.</exception>
    public abstract void Check(JsonSerializerOptions options);

    /// <summary>The code with its input, ready to run to its end, the disposal of its scope included; or what is wrong with the input, with its JSON path.</summary>
    public abstract (Func<TaskContext, IServiceScopeFactory, Task<JsonElement?>>? Run, string? Problem) Bind(JsonElement? input, JsonSerializerOptions options);
}

/// <summary>One handler, as it was added.</summary>
internal sealed class HandlerRegistration<TInput, TResult>(string name, IJsonTypeInfoResolver? types, Func<IServiceProvider, TInput, TaskContext, Task<TResult>> call) : HandlerRegistration(name, types)
{
    public override void Check(JsonSerializerOptions options)
    {
        if (typeof(TInput) != typeof(NoInput)) options.GetTypeInfo(typeof(TInput));
        if (typeof(TResult) != typeof(NoResult)) options.GetTypeInfo(typeof(TResult));
    }

    public override (Func<TaskContext, IServiceScopeFactory, Task<JsonElement?>>? Run, string? Problem) Bind(JsonElement? input, JsonSerializerOptions options)
    {
        var (value, problem) = Read(input, options);
        return problem is null ? ((context, scopes) => RunAsync(value!, context, scopes, options), null) : (null, problem);
    }

    private async Task<JsonElement?> RunAsync(TInput input, TaskContext context, IServiceScopeFactory scopes, JsonSerializerOptions options)
    {
        var scope = scopes.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            var result = await call(scope.ServiceProvider, input, context).ConfigureAwait(false);
            return result is NoResult or null ? null : JsonSerializer.SerializeToElement(result, (JsonTypeInfo<TResult>)options.GetTypeInfo(typeof(TResult)));
        }
    }

    private static (TInput? Value, string? Problem) Read(JsonElement? input, JsonSerializerOptions options)
    {
        if (input is not { ValueKind: not (JsonValueKind.Undefined or JsonValueKind.Null) } given)
            return typeof(TInput) == typeof(NoInput) || default(TInput) is null && Nullable.GetUnderlyingType(typeof(TInput)) is not null ? (default, null)
                : (default, $"is missing: the handler needs a {typeof(TInput).Name}");
        if (typeof(TInput) == typeof(NoInput)) return (default, "is given, and the handler takes none");
        try
        {
            return (given.Deserialize((JsonTypeInfo<TInput>)options.GetTypeInfo(typeof(TInput))), null);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            return (default, e is JsonException { Path: { } path } ? $"does not fit at {path}: {FirstSentence(e.Message)}" : $"does not fit: {FirstSentence(e.Message)}");
        }
    }

    /// <summary>What the serializer says after it repeats the path and counts bytes.</summary>
    private static string FirstSentence(string message) => message.IndexOf(" Path: ", StringComparison.Ordinal) is var end and > 0 ? message[..end] : message;
}

/// <summary>The input of a handler that takes none.</summary>
internal readonly struct NoInput;

/// <summary>The result of a handler that gives none.</summary>
internal readonly struct NoResult;
