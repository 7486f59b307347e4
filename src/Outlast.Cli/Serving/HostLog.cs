using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Outlast.Cli.Serving;

/// <summary>What a host says of itself, a line each: on standard error, which for a host that a verb started is a file of bounded size.</summary>
internal sealed class HostLog : ILoggerProvider
{
    private const long MaxBytes = 4 << 20;
    private const int Error = 2;
    private readonly Lock _line = new();
    private readonly TimeProvider _time;
    private readonly DataFolder? _file;
    private readonly RepeatFilter _repeats;
    private long _bytes;

    /// <param name="time">The clock of the lines.</param>
    /// <param name="file">The folder whose log it writes; none: whoever started the host keeps its standard error.</param>
    public HostLog(TimeProvider time, DataFolder? file)
    {
        _time = time;
        _repeats = new(time);
        _file = file;
        _bytes = file is null ? 0 : LengthOf(file);
    }

    public static string FileOf(DataFolder folder) => Path.Combine(folder.Logs, "host.log");

    public static long LengthOf(DataFolder folder) => new FileInfo(FileOf(folder)) is { Exists: true, Length: var length } ? length : 0;

    /// <summary>The last line written since the log had that length.</summary>
    public static string Since(DataFolder folder, long length)
    {
        try
        {
            using var file = new FileStream(FileOf(folder), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            file.Position = Math.Min(length, file.Length);
            using var reader = new StreamReader(file, Encoding.UTF8);
            var line = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("");
            return line.StartsWith("outlast: ", StringComparison.Ordinal) ? line["outlast: ".Length..] : line;
        }
        catch (IOException)
        {
            return "";
        }
    }

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Dispose()
    {
    }

    private void Write(LogLevel level, string category, string message, Exception? exception)
    {
        var said = $"{level.ToString().ToLowerInvariant()} {category[(category.LastIndexOf('.') + 1)..]}: {message}{(exception is null ? "" : $"\n{exception}")}";
        lock (_line)
        {
            if (_repeats.Take(said) is not { } told) return;
            var line = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{_time.GetUtcNow().UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ} {told}\n"));
            if (_file is not null && (_bytes += line.Length) > MaxBytes) TurnNeedsLock(_file);
            LibC.WriteAll(Error, line);
        }
    }

    /// <summary>Keeps this file as the one before, and goes on with a new one; standard output and error go along.</summary>
    private void TurnNeedsLock(DataFolder folder)
    {
        var file = FileOf(folder);
        _bytes = 0;
        try
        {
            File.Move(file, file + ".1", overwrite: true);
        }
        catch (IOException)
        {
            return;
        }
        var next = LibC.Create(file, LibC.O_WRONLY | LibC.O_APPEND);
        if (next < 0) return;
        LibC.Replace(1, by: next);
        LibC.Replace(2, by: next);
        LibC.Close(next);
    }

    private sealed class Logger(HostLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel level) => level >= (category.StartsWith("Outlast", StringComparison.Ordinal) ? LogLevel.Information : LogLevel.Warning);

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> format)
        {
            if (IsEnabled(level)) log.Write(level, category, format(state, exception), exception);
        }
    }
}
