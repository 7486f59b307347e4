using Outlast.Cli;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;

var caller = Caller.Current;
var terminal = new Terminal(caller);
return await CommandLine.RunAsync(new(caller, terminal, new HostDoor(caller, terminal, TimeProvider.System), TimeProvider.System), args);
