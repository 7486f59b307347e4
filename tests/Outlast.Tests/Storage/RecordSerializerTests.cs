using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Outlast.Storage;
using Outlast.TestKit;
using Xunit;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.Tests.Storage;

public sealed class RecordSerializerTests
{
    [Fact]
    public void However_deep_a_result_is_what_can_be_written_can_be_read()
    {
        var (written, refused) = (0, 0);
        for (var depth = 50; depth <= 64; depth++)
        {
            var result = JsonElement.Parse(new string('[', depth) + new string(']', depth));
            Assert.Equal(result.GetRawText(), RecordSerializer.ReadResult(RecordSerializer.WriteResult(result)).GetRawText());
            var ended = FullRecords.Ended(Queued());
            ended = ended with { End = ended.End! with { Result = result } };
            byte[] state;
            try
            {
                state = RecordSerializer.WriteState(ended);
            }
            catch (JsonException)
            {
                refused++;
                continue;
            }
            written++;
            Assert.Equal(result.GetRawText(), RecordSerializer.ReadRecord(1, RecordSerializer.WriteSpec(ended.Spec), state).End!.Result!.Value.GetRawText());
        }
        Assert.Equal((13, 2), (written, refused));
    }

    [Fact]
    [Trait("Requirement", "V-79")]
    public void A_full_record_comes_back_to_the_last_field()
    {
        var parent = Queued();
        foreach (var record in new[] { Queued(), FullRecords.Stopping(parent), FullRecords.Ended(parent) })
        {
            var back = RecordSerializer.ReadRecord(7, RecordSerializer.WriteSpec(record.Spec), RecordSerializer.WriteState(record));
            Assert.Equal(Text(record with { Number = 7 }), Text(back));
            Assert.Equal(record.Spec.StopGrace, back.Spec.StopGrace);
            Assert.Equal(record.Limits, back.Limits);
            Assert.Equal((record.Claim, record.Process, record.Output, record.Parent, record.Root), (back.Claim, back.Process, back.Output, back.Parent, back.Root));
        }
    }

    [Fact]
    public void An_environment_that_comes_again_is_written_as_any_other()
    {
        var variables = Enumerable.Range(0, 20).ToImmutableSortedDictionary(i => $"V{i}\"ü<", i => $"value {i}\n\t'\\ é\u0001🙂", StringComparer.Ordinal);
        var process = FullRecords.Stopping(Queued()).Spec.Process!;
        foreach (var environment in new[] { variables, variables, variables.SetItem("PATH", "/bin"), variables.Clear().Add("HOME", "/") })
        {
            var spec = Queued().Spec with { Process = process with { Environment = environment } };
            var written = Node(RecordSerializer.WriteSpec(spec))["spec"]!["process"]!["environment"]!.AsObject();
            Assert.Equal(environment.Select(v => (v.Key, v.Value)), written.Select(v => (v.Key, v.Value!.GetValue<string>())));
        }
    }

    [Fact]
    public void A_variable_without_a_value_is_told_each_time_it_comes()
    {
        var variables = Enumerable.Range(0, 20).ToImmutableSortedDictionary(i => $"V{i:00}", i => i == 7 ? null! : "value", StringComparer.Ordinal);
        var spec = Queued().Spec with { Process = FullRecords.Stopping(Queued()).Spec.Process! with { Environment = variables } };
        for (var i = 0; i < 2; i++) Assert.Equal("spec.process.environment.V07", RecordRules.FindBreach(spec)?.Field);
        Assert.Null(RecordRules.FindBreach(spec with { Process = spec.Process with { Environment = variables.SetItem("V07", "") } }));
    }

    [Fact]
    public void Every_property_of_a_record_is_in_the_documents()
    {
        var parent = Queued();
        var state = Node(RecordSerializer.WriteState(FullRecords.Stopping(parent) with { EndedAt = Start, End = FullRecords.Ended(parent).End })).Select(p => p.Key);
        var expected = typeof(TaskRecord).GetProperties().Where(p => p.SetMethod is not null).Select(p => p.Name).Except(["Number", "Spec"]).Select(Camel).Append("v");
        Assert.Equal(expected.Order(), state.Order());

        var spec = Node(RecordSerializer.WriteSpec(FullRecords.Stopping(parent).Spec with { Agent = "a", Handler = "h" }))["spec"]!.AsObject().Select(p => p.Key);
        Assert.Equal(typeof(TaskSpec).GetProperties().Where(p => p.SetMethod is not null).Select(p => Camel(p.Name)).Order(), spec.Order());

        static string Camel(string name) => char.ToLowerInvariant(name[0]) + name[1..];
    }

    [Theory]
    [Trait("Requirement", "S285-2")]
    [InlineData("v", "3", "v")]
    [InlineData("v", "0", "v")]
    [InlineData("id", "\"banana\"", "id")]
    [InlineData("state", "\"done\"", "state")]
    [InlineData("state", "0", "state")]
    [InlineData("version", "\"1\"", "version")]
    [InlineData("version", "1.5", "version")]
    [InlineData("version", "null", "version")]
    [InlineData("root", "null", "root")]
    [InlineData("limits", "null", "limits")]
    [InlineData("limits", "{\"timeout\":\"soon\"}", "limits.timeout")]
    [InlineData("output", "{\"bytes\":0}", "output")]
    [InlineData("annotations", "null", "annotations")]
    [InlineData("annotations", "[{\"at\":\"2026-11-20T10:00:00Z\"}]", "annotations[0]")]
    [InlineData("createdAt", "\"1960-01-01T00:00:00Z\"", "createdAt")]
    [InlineData("claim", "{\"host\":\"h1\",\"token\":\"x\"}", "claim.token")]
    [InlineData("colour", "\"red\"", "colour")]
    public void What_no_record_can_have_is_told_with_the_field(string field, string value, string told)
    {
        var record = Queued();
        var state = Node(RecordSerializer.WriteState(record));
        state[field] = JsonNode.Parse(value);
        var refusal = Assert.Throws<UnreadableRecordException>(() => RecordSerializer.ReadRecord(1, RecordSerializer.WriteSpec(record.Spec), Encoding.UTF8.GetBytes(state.ToJsonString())));
        Assert.StartsWith(told, refusal.Field);
    }

    [Fact]
    [Trait("Requirement", "S285-2")]
    public void Each_field_that_is_not_optional_is_missed()
    {
        var record = Queued();
        var spec = RecordSerializer.WriteSpec(record.Spec);
        foreach (var (field, _) in Node(RecordSerializer.WriteState(record)))
        {
            var state = Node(RecordSerializer.WriteState(record));
            state.Remove(field);
            var refusal = Assert.Throws<UnreadableRecordException>(() => RecordSerializer.ReadRecord(1, spec, Encoding.UTF8.GetBytes(state.ToJsonString())));
            Assert.Contains(field, refusal.Message);
        }
    }

    [Fact]
    [Trait("Requirement", "S285-2")]
    public void A_document_cut_anywhere_is_unreadable()
    {
        var record = Queued();
        var (spec, state) = (RecordSerializer.WriteSpec(record.Spec), RecordSerializer.WriteState(record));
        for (var length = 0; length < state.Length; length++) Assert.Throws<UnreadableRecordException>(() => RecordSerializer.ReadRecord(1, spec, state.AsSpan(0, length)));
        for (var length = 0; length < spec.Length; length++) Assert.Throws<UnreadableRecordException>(() => RecordSerializer.ReadRecord(1, spec.AsSpan(0, length), state));
    }

    private static JsonObject Node(byte[] document) => JsonNode.Parse(document)!.AsObject();
}
