using System.Net;
using System.Text;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class OutputTests
{
    [Fact]
    public async Task A_range_says_where_it_is_and_how_much_there_is()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "0123456789"u8);
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output?offset=2&limit=3");
        Assert.Equal((HttpStatusCode.OK, "234", 3L), (response.StatusCode, await response.Content.ReadAsStringAsync(), response.Content.Headers.ContentLength));
        Assert.Equal(("2", "5", "10", "0", "false"), Headers(response));
        Assert.Equal("no-store", response.Header("Cache-Control"));
        host.Tasks.End(task.Id);
        var rest = await host.Client.ReadOutputAsync(task.Id.ToString(), 5);
        Assert.Equal(("56789", 5L, 10L, 10L, 0L, true), (Encoding.ASCII.GetString(rest.Bytes.Span), rest.Offset, rest.NextOffset, rest.Size, rest.Dropped, rest.Ended));
    }

    [Fact]
    public async Task An_earlier_attempts_output_can_be_read_and_is_complete()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "first, and failed"u8);
        host.Tasks.NextAttempt(task.Id);
        host.Tasks.Print(task.Id, "second"u8);
        using var first = await host.GetAsync($"/v1/tasks/{task.Id}/output?attempt=1");
        Assert.Equal(("first, and failed", "1", "true"), (await first.Content.ReadAsStringAsync(), first.Header("Outlast-Attempt"), first.Header("Outlast-Ended")));
        using var second = await host.GetAsync($"/v1/tasks/{task.Id}/output?attempt=2");
        Assert.Equal(("second", "2", "false"), (await second.Content.ReadAsStringAsync(), second.Header("Outlast-Attempt"), second.Header("Outlast-Ended")));
        using var none = await host.GetAsync($"/v1/tasks/{task.Id}/output?attempt=3");
        Assert.Equal(HttpStatusCode.BadRequest, none.StatusCode);
        Assert.Contains("'3' is not there: the task has had 2", await none.Content.ReadAsStringAsync());
        using var followed = await host.GetAsync($"/v1/tasks/{task.Id}/output?attempt=1&follow=true");
        Assert.Equal("first, and failed", await followed.Content.ReadAsStringAsync().Soon());
        var range = await host.Client.ReadOutputAsync(new OutputSource(task.Id.ToString(), Attempt: 1), 7);
        Assert.Equal("and failed", Encoding.ASCII.GetString(range.Bytes.Span));
    }

    [Theory]
    [InlineData("", "one\ntwo\nthree", 0)]
    [InlineData("?offset=13", "", 13)]
    [InlineData("?offset=4&limit=0", "", 4)]
    [InlineData("?limit=3", "one", 0)]
    [InlineData("?tail=5", "three", 8)]
    [InlineData("?tail=99", "one\ntwo\nthree", 0)]
    [InlineData("?tail=0", "", 13)]
    [InlineData("?tailLines=2", "two\nthree", 4)]
    [InlineData("?tailLines=0", "", 13)]
    [InlineData("?stream=stdout&offset=12", "e", 12)]
    public async Task Ranges(string query, string expected, int offset)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "one\ntwo\nthree"u8);
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output{query}");
        Assert.Equal((HttpStatusCode.OK, expected), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Equal((offset.ToString(), (offset + expected.Length).ToString()), (response.Header("Outlast-Offset"), response.Header("Outlast-Next-Offset")));
    }

    [Theory]
    [InlineData("output")]
    [InlineData("output/stream")]
    [InlineData("output/times")]
    public async Task Output_that_was_removed_answers_when_and_why(string route)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.End(task.Id);
        var ended = (await host.Tasks.GetAsync(task.Id)).Record;
        host.Tasks.Set(new(ended with { Output = ended.Output with { RemovedAt = StoredTasks.Start, RemovedReason = "too much" } }));
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/{route}");
        var problem = await response.ProblemAsync(HttpStatusCode.Gone, ProblemTypes.OutputRemoved);
        Assert.Equal(("too much", StoredTasks.Start), (problem.GetProperty("reason").GetString(), problem.GetProperty("removedAt").GetDateTimeOffset()));
        using var read = await host.GetAsync($"/v1/tasks/{task.Id}");
        var output = (await read.JsonAsync()).GetProperty("output");
        Assert.Equal(("too much", StoredTasks.Start), (output.GetProperty("removedReason").GetString(), output.GetProperty("removedAt").GetDateTimeOffset()));
    }

    [Theory]
    [Trait("Requirement", "U-60")]
    [InlineData("", "0123", 0, 4)]
    [InlineData("?offset=4", "89", 8, 10)]
    [InlineData("?offset=5&limit=1", "8", 8, 9)]
    [InlineData("?offset=2&limit=9", "23", 2, 4)]
    [InlineData("?offset=8", "89", 8, 10)]
    [InlineData("?offset=10", "", 10, 10)]
    [InlineData("?tail=5", "89", 8, 10)]
    [InlineData("?tailLines=3", "89", 8, 10)]
    public async Task A_range_begins_after_what_was_removed_or_ends_before_it(string query, string expected, long offset, long next)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "0123\0\0\0\089"u8);
        await File.WriteAllTextAsync(host.Tasks.LogOf(task.Id) + ".dropped", "4 8 end\n");
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output{query}");
        Assert.Equal((HttpStatusCode.OK, expected), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Equal((offset.ToString(), next.ToString(), "10", "4", "false"), Headers(response));
    }

    [Theory]
    [InlineData("bytes=2-9", "23", "bytes 2-3/10")]
    [InlineData("bytes=5-8", "8", "bytes 8-8/10")]
    [InlineData("bytes=4-5", "8", "bytes 8-8/10")]
    public async Task The_Range_header_names_what_is_served_around_what_was_removed(string range, string expected, string contentRange)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "0123\0\0\0\089"u8);
        await File.WriteAllTextAsync(host.Tasks.LogOf(task.Id) + ".dropped", "4 8 end\n");
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output", ("Range", range));
        Assert.Equal((HttpStatusCode.PartialContent, expected, contentRange), (response.StatusCode, await response.Content.ReadAsStringAsync(), response.Content.Headers.ContentRange!.ToString()));
    }

    [Theory]
    [InlineData("bytes=2-4", "234", "bytes 2-4/10")]
    [InlineData("bytes=8-", "89", "bytes 8-9/10")]
    [InlineData("bytes=-3", "789", "bytes 7-9/10")]
    [InlineData("bytes=5-99", "56789", "bytes 5-9/10")]
    [InlineData("bytes=0-9223372036854775807", "0123456789", "bytes 0-9/10")]
    public async Task The_Range_header_is_served_as_HTTP_says(string range, string expected, string contentRange)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "0123456789"u8);
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output", ("Range", range));
        Assert.Equal((HttpStatusCode.PartialContent, expected, contentRange), (response.StatusCode, await response.Content.ReadAsStringAsync(), response.Content.Headers.ContentRange!.ToString()));
    }

    [Theory]
    [InlineData("bytes=10-")]
    [InlineData("bytes=99-100")]
    [InlineData(null)]
    public async Task An_offset_beyond_the_size_is_a_416(string? range)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "0123456789"u8);
        using var response = range is null ? await host.GetAsync($"/v1/tasks/{task.Id}/output?offset=11") : await host.GetAsync($"/v1/tasks/{task.Id}/output", ("Range", range));
        var problem = await response.ProblemAsync(HttpStatusCode.RequestedRangeNotSatisfiable, ProblemTypes.OutOfRange);
        Assert.Equal(10, problem.GetProperty("size").GetInt32());
        Assert.Equal("bytes */10", response.Content.Headers.ContentRange!.ToString());
        foreach (var stream in (string[])["output/stream?offset=11", "output?follow=true&offset=11"])
        {
            using var streamed = await host.GetAsync($"/v1/tasks/{task.Id}/{stream}");
            await streamed.ProblemAsync(HttpStatusCode.RequestedRangeNotSatisfiable, ProblemTypes.OutOfRange);
        }
    }

    [Theory]
    [InlineData("bytes=banana")]
    [InlineData("lines=1-2")]
    [InlineData("bytes=0-1,3-4")]
    public async Task A_Range_that_is_not_served_is_passed_over(string range)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "0123456789"u8);
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output", ("Range", range));
        Assert.Equal((HttpStatusCode.OK, "0123456789"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
    }

    [Theory]
    [InlineData("offset=-1", "offset")]
    [InlineData("offset=x", "offset")]
    [InlineData("offset=1&offset=2", "offset")]
    [InlineData("offset=99999999999999999999", "offset")]
    [InlineData("limit=-1", "limit")]
    [InlineData("tail=1&offset=1", "offset")]
    [InlineData("tail=1&tailLines=1", "tailLines")]
    [InlineData("follow=maybe", "follow")]
    [InlineData("follow=true&limit=1", "limit")]
    [InlineData("stream=both", "stream")]
    [InlineData("stream=stderr", "stream")]
    [InlineData("since=1h", "since")]
    public async Task A_bad_query_is_a_400_that_names_it(string query, string field)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output?{query}");
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _), problem.ToString());
    }

    [Fact]
    public async Task A_task_that_has_printed_nothing_yet_is_empty()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add(state: TaskState.Queued);
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output");
        Assert.Equal((HttpStatusCode.OK, ""), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Equal(("0", "0", "0", "0", "false"), Headers(response));
    }

    [Fact]
    [Trait("Requirement", "V-78")]
    public async Task Output_that_cannot_be_read_is_an_error_and_not_emptiness()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        Directory.CreateDirectory(host.Tasks.LogOf(task.Id));
        foreach (var route in (string[])["output", "output?follow=true", "output/stream"])
        {
            using var response = await host.GetAsync($"/v1/tasks/{task.Id}/{route}");
            await response.ProblemAsync(HttpStatusCode.InternalServerError, ProblemTypes.OutputUnreadable);
        }
        Assert.Contains(host.Log.Lines, l => l.Contains("is a directory", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task What_a_record_counts_and_the_file_has_no_more_is_told_as_dropped()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "0123456789"u8);
        host.Tasks.End(task.Id, printed: 35);
        var first = await host.Client.ReadOutputAsync(task.Id.ToString(), 0);
        Assert.Equal((10L, 35L, 25L), (first.NextOffset, first.Size, first.Dropped));
        var rest = await host.Client.ReadOutputAsync(task.Id.ToString(), first.NextOffset);
        Assert.Equal((0, 35L), (rest.Bytes.Length, rest.NextOffset));
        File.Delete(host.Tasks.LogOf(task.Id));
        var gone = await host.Client.ReadOutputAsync(task.Id.ToString(), 0);
        Assert.Equal((0, 35L, 35L, 35L), (gone.Bytes.Length, gone.NextOffset, gone.Size, gone.Dropped));
    }

    [Fact]
    public async Task A_separate_standard_error_has_offsets_of_its_own()
    {
        await using var host = await ApiHost.StartAsync();
        var spec = StoredTasks.Spec();
        var task = host.Tasks.Add(spec with { Process = spec.Process! with { Stderr = StderrMode.Separate } });
        host.Tasks.Print(task.Id, "out"u8);
        host.Tasks.Print(task.Id, "error"u8, "error.log");
        var error = await host.Client.ReadOutputAsync(task.Id.ToString(), 1, errorStream: true);
        Assert.Equal(("rror", 5L), (Encoding.ASCII.GetString(error.Bytes.Span), error.Size));
        Assert.Equal("out", Encoding.ASCII.GetString((await host.Client.ReadOutputAsync(task.Id.ToString(), 0)).Bytes.Span));
    }

    [Fact]
    [Trait("Requirement", "U-64")]
    public async Task Control_sequences_come_back_as_they_were_printed()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        byte[] printed = [.. "\e[2J\e]0;title\a\r\b\0"u8, 0xFF, 0xFE, 0x80];
        host.Tasks.Print(task.Id, printed);
        host.Tasks.End(task.Id);
        Assert.Equal(printed, (await host.Client.ReadOutputAsync(task.Id.ToString(), 0)).Bytes.ToArray());
        var streamed = new MemoryStream();
        await foreach (var frame in host.Client.StreamOutputAsync(task.Id.ToString()))
            if (frame is OutputFrame.Chunk chunk) streamed.Write(chunk.Bytes.Span);
        Assert.Equal(printed, streamed.ToArray());
    }

    [Fact]
    [Trait("Requirement", "D6")]
    public async Task Two_tasks_that_print_at_once_are_never_mixed()
    {
        await using var host = await ApiHost.StartAsync();
        var tasks = Enumerable.Range(0, 2).Select(_ => host.Tasks.Add()).ToArray();
        var followers = tasks.Select(async t =>
        {
            var text = new StringBuilder();
            await foreach (var frame in host.Client.StreamOutputAsync(t.Id.ToString()))
                if (frame is OutputFrame.Chunk chunk) text.Append(Encoding.ASCII.GetString(chunk.Bytes.Span));
            return text.ToString();
        }).ToArray();
        for (var line = 0; line < 2000; line++)
            for (var which = 0; which < 2; which++) host.Tasks.Print(tasks[which].Id, Encoding.ASCII.GetBytes($"task {which} line {line}\n"));
        foreach (var task in tasks) host.Tasks.End(task.Id);
        for (var which = 0; which < 2; which++)
            Assert.Equal(string.Concat(Enumerable.Range(0, 2000).Select(line => $"task {which} line {line}\n")), await followers[which].Soon());
    }

    private static (string, string, string, string, string) Headers(HttpResponseMessage response) =>
        (response.Header("Outlast-Offset"), response.Header("Outlast-Next-Offset"), response.Header("Outlast-Size"), response.Header("Outlast-Dropped"), response.Header("Outlast-Ended"));
}
