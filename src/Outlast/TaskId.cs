using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Outlast;

/// <summary>The id of a task: time-ordered, unguessable, the same in every table, route and file name.</summary>
/// <remarks>
/// A UUID version 7 (RFC 9562: 48 bits of milliseconds, 74 random bits) written as 26 characters of lower-case Crockford base32,
/// so that the order of the texts is the order of birth, to the millisecond.
/// </remarks>
public readonly record struct TaskId : IComparable<TaskId>
{
    /// <summary>The number of characters of an id.</summary>
    public const int Length = 26;

    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    private readonly UInt128 _value;

    private TaskId(UInt128 value) => _value = value;

    /// <summary>Makes a new id whose time part is <paramref name="now"/>.</summary>
    public static TaskId New(DateTimeOffset now)
    {
        Span<byte> bytes = stackalloc byte[16];
        Guid.CreateVersion7(now).TryWriteBytes(bytes, bigEndian: true, out _);
        return new TaskId(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    /// <summary>When it was made, to the millisecond, by the clock of whoever made it.</summary>
    public DateTimeOffset CreatedAt => DateTimeOffset.FromUnixTimeMilliseconds((long)(_value >> 80));

    /// <summary>Reads an id; upper case is accepted, nothing else is forgiven.</summary>
    /// <exception cref="FormatException">The text is no id.</exception>
    public static TaskId Parse(string text) =>
        TryParse(text, out var id) ? id : throw new FormatException($"'{text}' is no task id: 26 characters of Crockford base32 are expected.");

    /// <summary>Reads an id if <paramref name="text"/> is one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out TaskId id)
    {
        id = default;
        if (text is not { Length: Length } || text[0] > '7') return false;
        UInt128 value = 0;
        foreach (var c in text)
        {
            var digit = Alphabet.IndexOf(char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c, StringComparison.Ordinal);
            if (digit < 0) return false;
            value = (value << 5) | (uint)digit;
        }
        id = new TaskId(value);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(TaskId other) => _value.CompareTo(other._value);

    /// <summary>The 26 characters.</summary>
    public override string ToString() => string.Create(Length, this, static (span, id) => id.Format(span));

    /// <summary>Writes the <see cref="Length"/> characters.</summary>
    internal void Format(Span<char> text)
    {
        var value = _value;
        for (var i = Length - 1; i >= 0; i--)
        {
            text[i] = Alphabet[(int)(value & 31)];
            value >>= 5;
        }
    }
}
