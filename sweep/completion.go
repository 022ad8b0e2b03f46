package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"fusegrid/internal/cli"
)

// shells returns the shells for which there are scripts, in order, and what writes them.
func shells() ([]string, map[string]func([]completed) string) {
	return []string{"bash", "zsh", "fish"}, map[string]func([]completed) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
}

// completion prints a script with which a shell completes command lines of this program.
func completion(ctx context.Context, args []string, stdout, _ io.Writer) error {
	fs := cli.NewFlags("completion")
	names, err := parseNames(fs, args)
	if err != nil {
		return err
	}
	all, scripts := shells()
	if len(names) != 1 || scripts[names[0]] == nil {
		return badInput{fmt.Errorf("name one shell: sweep completion %s%s", strings.Join(all, "|"), cli.DidYouMean(strings.Join(names, " "), all))}
	}
	_, err = io.WriteString(stdout, scripts[names[0]](completedCommands(ctx)))
	return err
}

// A completed is a command with what can follow it.
type completed struct {
	name  string
	words []string // that are no flags; nil stands for files
	flags []completedFlag
}

// A completedFlag is a flag with what can follow it.
type completedFlag struct {
	name  string
	value bool     // it takes a value
	files bool     // the value is the name of a file or a folder
	words []string // values or, with a colon at the end, beginnings of values
}

// completedCommands returns the commands, first the sweep itself. The flags come from the commands themselves, which
// return them if they are asked for help.
func completedCommands(ctx context.Context) []completed {
	var all []completed
	for _, c := range append([]subcommand{{"sweep", "", sweep}}, subcommands()...) {
		done := completed{name: c.name}
		err := c.run(ctx, []string{"-h"}, io.Discard, io.Discard)
		if asked, ok := errors.AsType[helpAsked](err); ok {
			asked.flags.VisitAll(func(f *flag.Flag) { done.flags = append(done.flags, completeFlag(f)) })
		}
		switch c.name {
		case "sweep":
			done.words = commandNames()
		case "help":
			done.words = commandNames()
		case "completion":
			done.words, _ = shells()
		}
		all = append(all, done)
	}
	return all
}

func completeFlag(f *flag.Flag) completedFlag {
	kind := kindOf(f)
	return completedFlag{f.Name, !isBool(f.Value), kind == "file" || kind == "folder", wordsOf(f)}
}

// hyphened returns the flags as they are written.
func (c completed) hyphened() string {
	var all []string
	for _, f := range c.flags {
		all = append(all, "-"+f.name)
	}
	return strings.Join(all, " ")
}

// cases returns the lines of a case statement over "COMMAND -FLAG". They set the variable choices, or the variable
// files if names of files follow. A flag of a command that takes any other value has an empty line.
func cases(all []completed) string {
	var b strings.Builder
	for _, c := range all {
		for _, f := range c.flags {
			switch {
			case !f.value:
			case f.files:
				fmt.Fprintf(&b, "        '%s %s') value=1 files=1 ;;\n", c.name, f.name)
			default:
				fmt.Fprintf(&b, "        '%s %s') value=1 choices='%s' ;;\n", c.name, f.name, strings.Join(f.words, " "))
			}
		}
	}
	return b.String()
}

// rest returns the lines of a case statement over commands. They set the variable choices to what can come if no flag
// waits for a value, and the variable flags to the flags.
func rest(all []completed) string {
	var b strings.Builder
	for _, c := range all {
		files := ""
		if c.words == nil {
			files = "files=1 "
		}
		fmt.Fprintf(&b, "            %s) %schoices='%s' flags='%s' ;;\n", c.name, files, strings.Join(c.words, " "), c.hyphened())
	}
	return b.String()
}

// patterns returns the names of the commands other than the sweep, for a case statement.
func patterns() string { return strings.Join(commandNames(), "|") }

// choose is the part of a script that bash and zsh share. It needs the words cur and prev, the first word after the
// program in first, and in far whether there is a word before cur. It sets choices, files and value.
const choose = `    if (( far )); then
        case $first in COMMANDS) command=$first ;; esac
    fi
    if [[ $prev == -* ]]; then
        prev=${prev#-}
        case "$command ${prev#-}" in
        CASES
        esac
    fi
    if [[ -z $value ]]; then
        case $command in
            REST
        esac
        if [[ $cur == -* ]]; then choices=$flags files=''
        elif [[ $command == sweep ]] && (( far )); then choices=$flags
        fi
    fi
`

// fill replaces the parts of a script in capital letters.
func fill(script string, all []completed) string {
	script = strings.Replace(script, "    CHOOSE\n", choose, 1)
	return strings.NewReplacer("        CASES\n", cases(all), "            REST\n", rest(all), "COMMANDS", patterns()).Replace(script)
}

func bashScript(all []completed) string {
	return fill(`# Completion of sweep for bash, printed by "sweep completion bash".
_sweep() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=sweep
    local first=${COMP_WORDS[1]} far=$(( COMP_CWORD > 1 ))
    local choices='' flags='' files='' value=''
    # The shell splits -flag=value at the sign.
    if [[ $cur == = ]]; then cur=''
    elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    CHOOSE
    if [[ -z $value && $cur == --* ]]; then choices=" $choices"; choices=${choices// -/ --}; fi
    COMPREPLY=()
    if [[ -n $files ]]; then return; fi # completed by the shell
    compopt +o default 2>/dev/null
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *: ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _sweep sweep
`, all)
}

func zshScript(all []completed) string {
	return fill(`#compdef sweep
# Completion of sweep for zsh, printed by "sweep completion zsh".
_sweep() {
    local cur=${words[CURRENT]} prev=${words[CURRENT-1]} command=sweep
    local first=${words[2]} far=$(( CURRENT > 2 ))
    local choices='' flags='' files='' value='' list
    if [[ $cur == -*=* ]]; then
        prev=${cur%%=*}
        compset -P '*='
    fi
    CHOOSE
    if [[ -n $files ]]; then _files; return; fi
    list=(${=choices})
    compadd -S '' -- ${(M)list:#*:}
    compadd -- ${list:#*:}
}
if [[ ${funcstack[1]} == _sweep ]]; then _sweep "$@"; else compdef _sweep sweep; fi
`, all)
}

func fishScript(all []completed) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Completion of sweep for fish, printed by "sweep completion fish".
function __sweep_command_is
    set -l typed (commandline -opc)
    set -l command sweep
    if set -q typed[2]; and contains -- $typed[2] %s
        set command $typed[2]
    end
    test $command = $argv[1]
end
function __sweep_has_no_word
    test (count (commandline -opc)) -eq 1
end
complete -c sweep -f
`, strings.Join(commandNames(), " "))
	for _, c := range all {
		when := "-n '__sweep_command_is " + c.name + "'"
		switch {
		case c.name == "sweep":
			fmt.Fprintf(&b, "complete -c sweep -n __sweep_has_no_word -a '%s'\n", strings.Join(c.words, " "))
		case c.words == nil:
			fmt.Fprintf(&b, "complete -c sweep %s -F\n", when)
		default:
			fmt.Fprintf(&b, "complete -c sweep %s -a '%s'\n", when, strings.Join(c.words, " "))
		}
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c sweep %s -o %s", when, f.name)
			switch {
			case f.files:
				b.WriteString(" -r -F")
			case f.value:
				fmt.Fprintf(&b, " -x -a '%s'", strings.Join(f.words, " "))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
