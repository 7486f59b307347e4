using System.Net;
using System.Text.Json;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class HandlerRouteTests
{
    private static readonly DateTimeOffset At = new(2026, 11, 20, 10, 2, 3, 45, TimeSpan.Zero);

    [Fact]
    public async Task A_handlers_task_is_submitted_with_its_input_and_reads_back_so_that_it_can_be_posted_again()
    {
        await using var host = await ApiHost.StartAsync(defaults: new() { HandlerTimeout = TimeSpan.FromHours(2), HandlerStopGrace = TimeSpan.FromSeconds(20) });
        using var response = await host.PostAsync("/v1/tasks", """{"handler": "mail", "input": {"to": ["a@b"], "copies": 2}, "idleTimeout": "10m"}""");
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var spec = Assert.Single(host.Tasks.Submissions).Spec;
        Assert.Equal(("mail", "mail", TimeSpan.FromHours(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(20)),
            (spec.Name, spec.Handler, spec.Timeout, spec.IdleTimeout, spec.IdleWarning, spec.StopGrace));
        Assert.Equal("""{"to": ["a@b"], "copies": 2}""", spec.Input!.Value.GetRawText());
        var task = await response.JsonAsync();
        Assert.Equal(("handler", "mail", 2), (task.GetProperty("kind").GetString(), task.GetProperty("spec").GetProperty("handler").GetString(), task.GetProperty("spec").GetProperty("input").GetProperty("copies").GetInt32()));
        using var again = await host.PostAsync("/v1/tasks", task.GetProperty("spec").GetRawText());
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        Assert.Equal(spec.Input.Value.GetProperty("to")[0].GetString(), host.Tasks.Submissions[1].Spec.Input!.Value.GetProperty("to")[0].GetString());
    }

    [Fact]
    [Trait("Requirement", "U-70")]
    public async Task A_question_is_shown_and_answered_once()
    {
        await using var host = await ApiHost.StartAsync();
        var id = host.Tasks.Add().Id;
        host.Tasks.Set(new((await host.Tasks.GetAsync(id)).Record with
        {
            State = TaskState.Waiting,
            Question = new("Deploy?", At, At.AddHours(1), "no") { Name = "deploy", Choices = ["yes", "no"] },
        })
        { Progress = new(0.4, "linking", 4, 10, "files") });
        var task = await host.Client.GetAsync(id.ToString());
        Assert.Equal(("Deploy?", "deploy", "no", At, At.AddHours(1)), (task.Question!.Text, task.Question.Name, task.Question.Default, task.Question.AskedAt, task.Question.ExpiresAt!.Value));
        Assert.Equal(["yes", "no"], task.Question.Choices);
        Assert.Equal(new ProgressView(0.4, "linking", 4, 10, "files"), task.Progress);

        using var wrong = await host.PostAsync($"/v1/tasks/{id}/answer", """{"text": "maybe"}""");
        Assert.Equal("'maybe' is not one of yes, no", (await wrong.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid)).GetProperty("errors").GetProperty("text")[0].GetString());
        using var empty = await host.PostAsync($"/v1/tasks/{id}/answer", "{}");
        Assert.Equal("is missing: what is the answer?", (await empty.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid)).GetProperty("errors").GetProperty("text")[0].GetString());
        var answered = await host.Client.AnswerAsync(id.ToString(), "yes");
        Assert.Equal(("running", "yes"), (answered.State, answered.Question!.Answer!.Text));
        var late = await Assert.ThrowsAsync<OutlastProblemException>(() => host.Client.AnswerAsync(id.ToString(), "no"));
        Assert.Equal((ProblemTypes.QuestionOver, "yes"), (late.Type, late.Extensions["answer"].GetString()));
    }
}
