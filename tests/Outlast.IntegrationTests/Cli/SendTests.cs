using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class SendTests
{
    [Fact]
    public async Task Lines_texts_and_the_end_reach_a_task_that_reads()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("""
            id=$(outlast run -d --stdin open -- cat)
            outlast send $id "first line" && outlast send $id --no-newline "no" && outlast send $id " end" --eof && outlast wait $id
            outlast logs $id
            """);

        Assert.Equal("", ran.Error);
        Assert.Equal("1\tcompleted\texit code 0\nfirst line\nno end\n", ran.Output);
    }

    [Fact]
    public async Task What_is_piped_in_arrives_whole_at_the_pace_of_the_task()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("""
            id=$(outlast run -d --stdin open -- sh -c 'sleep 0.3; cksum')
            head -c 3000000 /dev/urandom > "$OUTLAST_DATA.bytes"
            outlast send $id - --eof --json < "$OUTLAST_DATA.bytes"
            outlast wait $id >/dev/null
            [ "$(outlast logs $id)" = "$(cksum < "$OUTLAST_DATA.bytes")" ] && echo same
            """);

        Assert.Equal("{\"taken\":3000000,\"eof\":true}\nsame\n", ran.Output);
    }

    [Fact]
    public async Task What_cannot_be_read_is_not_the_end_of_it()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("id=$(outlast run -d --stdin open -- cat); outlast send $id - --eof </tmp");
        Assert.Equal((1, ""), (ran.Code, ran.Output));
        Assert.Contains("could not be read: Is a directory. 0 bytes were sent, and no end", ran.Error, StringComparison.Ordinal);
        Assert.Equal("1\tcompleted\texit code 0\nwhole\n", (await folder.ShellAsync("outlast send 1 whole --eof && outlast wait 1; outlast logs 1")).Output);

        ran = await folder.ShellAsync("outlast run --stdin - -- cat </tmp");
        Assert.Equal(0, ran.Code);
        Assert.Contains("could not be read on: Is a directory", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_text_that_is_longer_than_the_pipe_arrives_whole_as_the_task_reads()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("""
            id=$(outlast run -d --stdin open -- sh -c 'until [ -e "$OUTLAST_DATA/go" ]; do sleep 0.02; done; wc -c')
            (until ls "$OUTLAST_DATA"/tasks/*/1/stdin.open >/dev/null 2>&1; do sleep 0.02; done; sleep 0.3; : >"$OUTLAST_DATA/go") &
            outlast send $id "$(head -c 100000 /dev/zero | tr '\0' x)" --eof --json
            outlast wait $id >/dev/null; outlast logs $id
            """);

        Assert.Equal(("", "{\"taken\":100001,\"eof\":true}\n100001\n"), (ran.Error, ran.Output));
    }

    [Fact]
    public async Task What_cannot_be_sent_is_refused_with_the_reason()
    {
        await using var folder = new OutlastFolder();

        var closed = await folder.ShellAsync("id=$(outlast run -d -- sleep 60); outlast send $id x");
        Assert.Equal((5, "outlast: task 1 takes no input: its standard input is 'none', not 'open'.\n"), (closed.Code, closed.Error));
        var ended = await folder.ShellAsync("id=$(outlast run -d --stdin open -- true); outlast wait $id >/dev/null; outlast send $id x");
        Assert.Equal(5, ended.Code);
        Assert.Contains("task 2 has ended", ended.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await folder.RunAsync("send", "1")).Code);
        Assert.Equal(2, (await folder.RunAsync("send", "1", "-", "--no-newline")).Code);
        Assert.Equal(4, (await folder.RunAsync("send", "99", "x")).Code);
    }
}
