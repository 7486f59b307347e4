using System.Runtime.InteropServices;
using System.Text;

namespace Outlast.Runners.Processes;

/// <summary>The one seam through which processes start.</summary>
/// <remarks>
/// The child has exactly the descriptors it is given (0 to 2 that are not given are <c>/dev/null</c>), default signal dispositions, an empty signal mask, and nothing else of its parent but
/// limits, credentials and file mode mask. The calling thread is held until the child has executed its program, so a refusal is known at once. Whoever starts a process reaps it. Thread-safe.
/// </remarks>
public static unsafe class Spawner
{
    private const short SetSignalDefaults = 0x04, SetSignalMask = 0x08, SetSession = 0x80;

    // Larger than the opaque structures of any libc in use (glibc: 80, 336 and 128 bytes).
    private const int OpaqueSize = 1024;

    /// <summary>Starts a process and returns its pid.</summary>
    /// <exception cref="SpawnException">The system refused.</exception>
    public static int Start(SpawnRequest request)
    {
        var copies = new List<Descriptor>(request.Descriptors.Count);
        var actions = stackalloc byte[OpaqueSize];
        var attributes = stackalloc byte[OpaqueSize];
        Check(LibC.FileActionsInit(actions), request);
        Check(LibC.SpawnAttributesInit(attributes), request);
        try
        {
            AddDescriptors(request, copies, actions);
            if (request.Folder is { } folder) Check(LibC.FileActionsAddChangeFolder(actions, folder), request);
            SetAttributes(request, attributes);
            using var argv = new StringVector(request.Arguments);
            using var environment = new StringVector(request.Environment);
            int pid;
            var errno = LibC.PosixSpawn(&pid, request.Program, actions, attributes, argv.Pointer, environment.Pointer);
            return errno == 0 ? pid : throw new SpawnException(request.Program, errno);
        }
        finally
        {
            _ = LibC.FileActionsDestroy(actions);
            _ = LibC.SpawnAttributesDestroy(attributes);
            foreach (var copy in copies) copy.Dispose();
        }
    }

    private static void AddDescriptors(SpawnRequest request, List<Descriptor> copies, byte* actions)
    {
        var top = request.Descriptors.Count == 0 ? 2 : Math.Max(2, request.Descriptors.Max(d => d.Target));
        // Sources go above every target first: otherwise one duplication could overwrite the source of the next.
        foreach (var (source, target) in request.Descriptors)
        {
            var copy = LibC.Fcntl(source, LibC.DuplicateCloseOnExec, Math.Max(10, top + 1));
            if (copy < 0) throw new SpawnException(request.Program, Marshal.GetLastPInvokeError());
            copies.Add(new Descriptor(copy));
            Check(LibC.FileActionsAddDuplicate(actions, copy, target), request);
        }
        for (var fd = 0; fd <= top; fd++)
        {
            if (request.Descriptors.Any(d => d.Target == fd)) continue;
            Check(fd <= 2 ? LibC.FileActionsAddOpen(actions, fd, "/dev/null", LibC.ReadWrite, 0) : LibC.FileActionsAddClose(actions, fd), request);
        }
        Check(LibC.FileActionsAddCloseFrom(actions, top + 1), request);
    }

    private static void SetAttributes(SpawnRequest request, byte* attributes)
    {
        var signals = stackalloc byte[OpaqueSize];
        // Every bit, and not sigfillset: that leaves out signals 32 and 33, which glibc's posix_spawn would then leave ignored in the child.
        new Span<byte>(signals, OpaqueSize).Fill(0xFF);
        Check(LibC.SpawnAttributesSetDefaultSignals(attributes, signals), request);
        _ = LibC.EmptySignals(signals);
        Check(LibC.SpawnAttributesSetSignalMask(attributes, signals), request);
        Check(LibC.SpawnAttributesSetFlags(attributes, (short)(SetSignalDefaults | SetSignalMask | (request.NewSession ? SetSession : 0))), request);
    }

    private static void Check(int errno, SpawnRequest request)
    {
        if (errno != 0) throw new SpawnException(request.Program, errno);
    }

    /// <summary>A NULL-terminated array of C strings.</summary>
    private ref struct StringVector
    {
        private readonly nint _block;

        public StringVector(IReadOnlyList<string> strings)
        {
            var heads = (strings.Count + 1) * sizeof(nint);
            var size = heads;
            foreach (var text in strings) size += Encoding.UTF8.GetByteCount(text) + 1;
            _block = Marshal.AllocHGlobal(size);
            var head = (nint*)_block;
            var tail = (byte*)_block + heads;
            var end = (byte*)_block + size;
            foreach (var text in strings)
            {
                *head++ = (nint)tail;
                tail += Encoding.UTF8.GetBytes(text, new Span<byte>(tail, (int)(end - tail)));
                *tail++ = 0;
            }
            *head = 0;
        }

        public readonly byte** Pointer => (byte**)_block;

        public readonly void Dispose() => Marshal.FreeHGlobal(_block);
    }
}

/// <summary>A process to start.</summary>
public sealed record SpawnRequest
{
    /// <summary>The program's file, absolute.</summary>
    public required string Program { get; init; }
    /// <summary>The argument list, the program's own name first.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }
    /// <summary>The whole environment, as <c>NAME=VALUE</c>.</summary>
    public required IReadOnlyList<string> Environment { get; init; }
    /// <summary>Where it starts. None: where its parent is.</summary>
    public string? Folder { get; init; }
    /// <summary>Descriptors of this process that it gets, and as which number each.</summary>
    public IReadOnlyList<(int Source, int Target)> Descriptors { get; init; } = [];
    /// <summary>Whether it leads a session of its own, away from any terminal.</summary>
    public bool NewSession { get; init; } = true;
}

/// <summary>The system refused to start a process.</summary>
public sealed class SpawnException(string program, int errno) : OutlastException($"Cannot start '{program}': {LibC.Describe(errno)}.")
{
    /// <summary>The program.</summary>
    public string Program { get; } = program;
    /// <summary>The system's error number.</summary>
    public int Errno { get; } = errno;
}
