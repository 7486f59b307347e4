using Outlast.FaultWorker;

// Each mode has a file of its own; the first argument names it.
return args switch
{
    ["serve", .. var rest] => ServeMode.Run(rest),
    ["app", .. var rest] => AppMode.Run(rest),
    ["store", .. var rest] => StoreMode.Run(rest),
    ["attempt", var id, var milestone, var wish, "--", .. var argv] => await AttemptMode.RunAsync(id, milestone, wish, argv),
    ["reap", "--", var program, .. var argv] => ReapMode.Run(program, argv),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: Outlast.FaultWorker serve [--at MILESTONE[#N]] [--then pid|output|exit] [--pause FOLDER | --throw] [-- SERVE-OPTIONS]");
    Console.Error.WriteLine("       Outlast.FaultWorker app [--at MILESTONE[#N]]");
    Console.Error.WriteLine("       Outlast.FaultWorker store FOLDER");
    Console.Error.WriteLine("       Outlast.FaultWorker attempt ID MILESTONE[#N] keep|stop|open|leftovers-stop|leftovers-wait -- ARGUMENT...");
    Console.Error.WriteLine("       Outlast.FaultWorker reap -- PROGRAM ARGUMENT...");
    return 2;
}
