using System.Diagnostics;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class InstallTests
{
    [Fact]
    [Trait("Requirement", "U-33")]
    public async Task A_users_service_is_written_once_and_nothing_of_somebody_elses_is_lost()
    {
        await using var folder = new OutlastFolder(("XDG_CONFIG_HOME", Path.Combine(Path.GetTempPath(), Path.GetRandomFileName())));
        var config = folder.Environment[0].Value;
        try
        {
            var written = await folder.RunAsync("serve", "--install");
            var file = Path.Combine(config, "systemd/user/outlast.service");

            Assert.Equal(0, written.Code);
            Assert.Contains($"{file} is written", written.Error, StringComparison.Ordinal);
            Assert.Equal(["outlast shutdown", "systemctl --user daemon-reload", "systemctl --user enable --now outlast", "loginctl enable-linger"], written.Lines);
            var text = await File.ReadAllTextAsync(file);
            foreach (var line in (string[])["KillMode=process", "OOMPolicy=continue", "Restart=on-failure", $"Environment=OUTLAST_DATA={folder.Data.Path}", $"ExecStart={OutlastFolder.Program} serve", "WantedBy=default.target"])
                Assert.Contains(line, text.Split('\n'));
            Assert.Equal(text, (await folder.RunAsync("serve", "--install", "--print")).Output);
            Assert.Equal(0, (await folder.RunAsync("serve", "--install")).Code);
            Assert.False(Directory.Exists(folder.Data.Path));
            await VerifyAsync(file);

            await File.WriteAllTextAsync(file, "[Service]\n");
            var refused = await folder.RunAsync("serve", "--install");
            Assert.Equal(5, refused.Code);
            Assert.Contains("says something else", refused.Error, StringComparison.Ordinal);
            Assert.Equal("[Service]\n", await File.ReadAllTextAsync(file));
            Assert.Equal(0, (await folder.RunAsync("serve", "--install", "--force")).Code);
            Assert.Equal(text, await File.ReadAllTextAsync(file));
        }
        finally
        {
            if (Directory.Exists(config)) Directory.Delete(config, recursive: true);
        }
    }

    [Fact]
    public async Task A_service_of_the_machine_names_its_user_and_strange_paths_arrive_whole()
    {
        await using var folder = new OutlastFolder();
        var shown = await folder.ShellAsync($"export OUTLAST_DATA='{folder.Data.Path}/a b%c$d\"e'; outlast serve --install --system --print");

        Assert.Equal(0, shown.Code);
        Assert.Contains($"Environment=\"OUTLAST_DATA={folder.Data.Path}/a b%%c$d\\\"e\"", shown.Lines);
        Assert.Contains(shown.Lines, l => l.StartsWith("User=", StringComparison.Ordinal));
        Assert.Contains("WantedBy=multi-user.target", shown.Lines);
        var file = folder.File("outlast.service");
        await File.WriteAllTextAsync(file, shown.Output);
        await VerifyAsync(file);
    }

    [Fact]
    [Trait("Requirement", "U-33")]
    public async Task A_service_listens_where_it_was_told_to()
    {
        await using var folder = new OutlastFolder();
        Assert.Contains($"ExecStart={OutlastFolder.Program} serve --listen 127.0.0.1:8000", (await folder.RunAsync("serve", "--install", "--print", "--listen", "127.0.0.1:8000")).Lines);
        foreach (var wrong in (string[][])[["--listen", "0.0.0.0:8000"], ["--json"]])
        {
            var refused = await folder.RunAsync(["serve", "--install", "--print", .. wrong]);
            Assert.Equal((2, ""), (refused.Code, refused.Output));
            Assert.Contains(wrong[0], refused.Error, StringComparison.Ordinal);
        }
    }

    /// <summary>By systemd's own word, where it is installed.</summary>
    private static async Task VerifyAsync(string file)
    {
        if (!File.Exists("/usr/bin/systemd-analyze")) return;
        using var verify = Process.Start(new ProcessStartInfo("/usr/bin/systemd-analyze", ["verify", "--man=no", file]) { RedirectStandardError = true })!;
        var said = await verify.StandardError.ReadToEndAsync();
        await verify.WaitForExitAsync();
        Assert.DoesNotContain(said.Split('\n'), l => l.Contains("outlast.service", StringComparison.Ordinal));
        Assert.Equal(0, verify.ExitCode);
    }
}
