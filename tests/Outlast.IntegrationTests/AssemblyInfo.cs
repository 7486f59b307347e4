using System.Runtime.Versioning;

// Real processes, signals and modes of files: Linux only, as the process runner is.
[assembly: SupportedOSPlatform("linux")]
