using System.Text;

namespace Outlast.Cli.Completing;

/// <summary>Scripts that make a shell complete what may be typed. What a task is named or labelled is foreign text: a shell never evaluates it.</summary>
internal static class CompletionScripts
{
    public static string Bash(IReadOnlyList<CompletedVerb> verbs)
    {
        var script = new StringBuilder();
        script.Append("""
            # Completion of outlast for bash, generated from its verbs and options. To have it, in ~/.bashrc:
            #   eval "$(outlast completion bash)"
            _outlast() {
              local program=${COMP_WORDS[0]/#"~/"/"$HOME/"} cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= words= live= i line word
              COMPREPLY=()
              for ((i = 1; i < COMP_CWORD; i++)); do
                case "$verb ${COMP_WORDS[i]}" in

            """);
        Paths(script, verbs, "verb=", "      ");
        script.Append("""
                  'run --')
                    if ((i == COMP_CWORD - 1)); then COMPREPLY=($(compgen -c -- "$cur")); else compopt -o default 2>/dev/null; fi
                    return ;;
                esac
              done
              case "$verb $prev" in

            """);
        foreach (var verb in verbs)
        {
            foreach (var option in verb.Options.Where(o => o.TakesValue))
            {
                var patterns = string.Join('|', option.Names.Select(n => $"'{verb.Path} {n}'"));
                script.Append($"    {patterns}) ").Append(option.Live == LiveWords.Folders
                    ? "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
                    : $"words='{string.Join(' ', option.Words)}' live={Name(option.Live)} ;;\n");
            }
        }
        script.Append("    *) case $verb in\n");
        foreach (var verb in verbs)
            script.Append($"      '{verb.Path}') words='{string.Join(' ', verb.Verbs.Select(v => v.Name).Concat(verb.Words).Concat(verb.Options.SelectMany(o => o.Names)))}' live={Name(verb.Live)} ;;\n");
        script.Append("""
                esac ;;
              esac
              COMPREPLY=($(compgen -W "$words" -- "$cur"))
              [[ $live && $cur != -* ]] || return 0
              local -a found=() named=()
              while IFS=$'\t' read -r word line; do
                [[ $word == "$cur"* ]] || continue
                found+=("$(printf %q "$word")")
                named+=("$word  $line")
              done < <("$program" completion candidates "$live" 2>/dev/null </dev/null)
              # Only to be looked at, never to be put in: several, and none is being gone through.
              if ((${#found[@]} > 1)) && [[ $COMP_TYPE != 37 ]]; then found=("${named[@]}"); fi
              [[ $cur == "" && ${#found[@]} -gt 0 ]] && COMPREPLY=()
              COMPREPLY+=("${found[@]}")
            }
            complete -F _outlast outlast

            """);
        return script.ToString();
    }

    public static string Zsh(IReadOnlyList<CompletedVerb> verbs)
    {
        var script = new StringBuilder();
        script.Append("""
            #compdef outlast
            # Completion of outlast for zsh, generated from its verbs and options. To have it, in ~/.zshrc after compinit:
            #   eval "$(outlast completion zsh)"
            _outlast() {
              local program=${words[1]/#\~\//$HOME/} cur=${words[CURRENT]} prev=${words[CURRENT-1]} verb= live= i line word
              local -a found
              for ((i = 2; i < CURRENT; i++)); do
                case "$verb ${words[i]}" in

            """);
        Paths(script, verbs, "verb=", "      ");
        script.Append("""
                  'run --')
                    shift i words; ((CURRENT -= i)); _normal; return ;;
                esac
              done
              case "$verb $prev" in

            """);
        foreach (var verb in verbs)
        {
            foreach (var option in verb.Options.Where(o => o.TakesValue))
            {
                var patterns = string.Join('|', option.Names.Select(n => $"'{verb.Path} {n}'"));
                script.Append($"    {patterns}) ").Append(option.Live == LiveWords.Folders ? "_files -/; return ;;\n" : $"found=({string.Join(' ', option.Words)}) live={Name(option.Live)} ;;\n");
            }
        }
        script.Append("    *) case $verb in\n");
        foreach (var verb in verbs)
        {
            script.Append($"      '{verb.Path}') live={Name(verb.Live)} found=(\n");
            foreach (var (name, about) in verb.Verbs) script.Append($"        {Quoted($"{name}:{about}")}\n");
            foreach (var word in verb.Words) script.Append($"        {Quoted(word)}\n");
            script.Append("      )\n      [[ $cur == -* || -z $live$found ]] && found=(\n");
            foreach (var option in verb.Options) foreach (var name in option.Names) script.Append($"        {Quoted($"{name}:{option.About}")}\n");
            script.Append("      ) ;;\n");
        }
        script.Append("""
                esac ;;
              esac
              if [[ -n $live && $cur != -* ]]; then
                while IFS=$'\t' read -r word line; do found+=("${word//:/\\:}:$line"); done < <("$program" completion candidates "$live" 2>/dev/null </dev/null)
              fi
              _describe -V outlast found
            }
            compdef _outlast outlast

            """);
        return script.ToString();
    }

    public static string Fish(IReadOnlyList<CompletedVerb> verbs)
    {
        var script = new StringBuilder();
        script.Append("""
            # Completion of outlast for fish, generated from its verbs and options. To have it:
            #   outlast completion fish > ~/.config/fish/completions/outlast.fish
            function __outlast_at
              set -l verb ''
              for word in (commandline -opc)[2..]
                switch "$verb $word"

            """);
        foreach (var verb in verbs.Where(v => v.Path.Length > 0)) script.Append($"      case {Quoted(Entered(verb.Path))}\n        set verb {Quoted(verb.Path)}\n");
        script.Append("""
                  case 'run --'
                    set verb 'run --'
                end
              end
              test "$verb" = "$argv[1]"
            end
            function __outlast_live
              set -l typed (commandline -opc)
              set -l program (string replace -r '^~/' "$HOME/" -- $typed[1])
              $program completion candidates $argv[1] 2>/dev/null </dev/null
            end
            function __outlast_command
              set -l typed (commandline -opc)
              set -e typed[1..(contains -i -- -- $typed)]
              complete -C (string join ' ' -- (string escape -- $typed) (commandline -ct))
            end
            complete -c outlast -f
            complete -c outlast -n "__outlast_at 'run --'" -a '(__outlast_command)'

            """);
        foreach (var verb in verbs)
        {
            var at = $"complete -c outlast -n {Quoted($"__outlast_at {Quoted(verb.Path)}")}";
            foreach (var (name, about) in verb.Verbs) script.Append($"{at} -a {name} -d {Escaped(about)}\n");
            foreach (var word in verb.Words) script.Append($"{at} -a {word}\n");
            if (verb.Live != LiveWords.None) script.Append($"{at} -a '(__outlast_live {Name(verb.Live)})'\n");
            foreach (var option in verb.Options)
            {
                var names = string.Join(' ', option.Names.Select(n => n.StartsWith("--", StringComparison.Ordinal) ? $"-l {n[2..]}" : $"-s {n[1..]}"));
                var values = !option.TakesValue ? "" : option.Live switch
                {
                    LiveWords.None => option.Words.Count > 0 ? $" -x -a '{string.Join(' ', option.Words)}'" : " -x",
                    LiveWords.Folders => " -x -a '(__fish_complete_directories)'",
                    _ => $" -x -a '(__outlast_live {Name(option.Live)})'",
                };
                script.Append($"{at} {names}{values} -d {Escaped(option.About)}\n");
            }
        }
        return script.ToString();
    }

    private static void Paths(StringBuilder script, IReadOnlyList<CompletedVerb> verbs, string set, string margin)
    {
        foreach (var verb in verbs.Where(v => v.Path.Length > 0)) script.Append($"{margin}'{Entered(verb.Path)}') {set}'{verb.Path}' ;;\n");
    }

    /// <summary>What stands before a verb and the verb: nothing before the first.</summary>
    private static string Entered(string path) => path.Contains(' ', StringComparison.Ordinal) ? path : " " + path;

    private static string Name(LiveWords live) => live is LiveWords.None or LiveWords.Folders ? "" : live.ToString().ToLowerInvariant();

    private static string Quoted(string text) => "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private static string Escaped(string text) => "'" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + "'";
}
