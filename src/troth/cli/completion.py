"""`troth completion SHELL`: scripts made from the real parsers, so that they cannot fall behind."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple, cast

from troth.cli.command import COMMANDS, Arguments, Command, Parser, parser_for
from troth.cli.output import Console, ExitCode

SHELLS = ("bash", "zsh", "fish", "powershell")


class Node(NamedTuple):
    """One command line so far, and what may come next."""

    path: str
    """The words that lead here, `keys set`; "" is `troth` itself."""
    words: tuple[tuple[str, str], ...]
    """Subcommands and choices, each with its summary."""
    options: tuple[tuple[str, str], ...]


def configure(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS)
    parser.epilog = (
        "examples:\n"
        '  bash         eval "$(troth completion bash)"              in ~/.bashrc\n'
        '  zsh          eval "$(troth completion zsh)"               in ~/.zshrc, after compinit\n'
        "  fish         troth completion fish | source               in config.fish\n"
        "  powershell   troth completion powershell | Out-String | Invoke-Expression\n"
    )
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    nodes = list(_tree())
    writers = {"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}
    console.put("".join(f"{line}\n" for line in writers[arguments.text("shell")](nodes)))
    return ExitCode.OK


def _tree() -> Iterator[Node]:
    top = tuple((command.name, command.summary) for command in COMMANDS)
    options = (("--help", "explain"), ("--version", "print the version"))
    yield Node("", top, (*options, ("--memory", "keep nothing"), ("--chat", "open at a chat")))
    for command in COMMANDS:
        yield from _nodes(command)


def _nodes(command: Command) -> Iterator[Node]:
    parser = parser_for(command)
    yield _node(command.name, parser)
    for name, inner in _subparsers(parser).items():
        yield _node(f"{command.name} {name}", inner)


def _node(path: str, parser: Parser) -> Node:
    words = [(name, inner.description or "") for name, inner in _subparsers(parser).items()]
    options: list[tuple[str, str]] = []
    for action in _actions(parser):
        if action.option_strings:
            options += [(name, action.help or "") for name in action.option_strings]
        elif action.choices and not words:
            words = [(str(choice), "") for choice in action.choices]
    return Node(path, tuple(words), tuple(options))


def _actions(parser: Parser) -> list[argparse.Action]:
    """argparse has no public way to ask a parser what it takes."""
    return parser._actions  # pyright: ignore[reportPrivateUsage]


def _subparsers(parser: Parser) -> dict[str, Parser]:
    for action in _actions(parser):
        choices = cast("object", action.choices)
        if isinstance(choices, dict):
            return cast("dict[str, Parser]", choices)
    return {}


def _bash(nodes: list[Node]) -> Iterator[str]:
    yield "_troth() {"
    yield "  local current=${COMP_WORDS[COMP_CWORD]} path='' words word"
    yield '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
    yield '    [[ $word == -* ]] || path="${path:+$path }$word"'
    yield "  done"
    yield "  while :; do"
    yield "    case $path in"
    for node in nodes:
        names = " ".join(name for name, _ in (*node.words, *node.options))
        yield f"      '{node.path}') words='{names}'; break ;;"
    yield '      *" "*) path=${path% *} ;;'
    yield "      *) return ;;"
    yield "    esac"
    yield "  done"
    yield '  COMPREPLY=($(compgen -W "$words" -- "$current"))'
    yield "}"
    yield "complete -o bashdefault -o default -F _troth troth"


def _zsh(nodes: list[Node]) -> Iterator[str]:
    yield "#compdef troth"
    yield "_troth() {"
    yield "  local path_='' word"
    yield "  local -a choices"
    yield "  for word in ${words[2,CURRENT-1]}; do"
    yield '    [[ $word == -* ]] || path_="${path_:+$path_ }$word"'
    yield "  done"
    yield "  while :; do"
    yield "    case $path_ in"
    for node in nodes:
        pairs = " ".join(
            _quoted(f"{name}:{_short(text)}") for name, text in (*node.words, *node.options)
        )
        yield f"      '{node.path}') choices=({pairs}); break ;;"
    yield '      *" "*) path_=${path_% *} ;;'
    yield "      *) _files; return ;;"
    yield "    esac"
    yield "  done"
    yield "  _describe troth choices || _files"
    yield "}"
    yield "compdef _troth troth"


def _fish(nodes: list[Node]) -> Iterator[str]:
    yield "function __troth_at"
    yield "  set -l words (commandline -opc)[2..-1]"
    yield "  set -l path"
    yield "  for word in $words; string match -q -- '-*' $word; or set -a path $word; end"
    yield '  test "$path" = "$argv"; or string match -q -- "$argv *" "$path"'
    yield "end"
    for node in nodes:
        exact = f"__troth_at {node.path}".strip()
        depth = f"test (count (commandline -opc)) -eq {len(node.path.split()) + 1}; and {exact}"
        for name, text in node.words:
            what = f"-a {_quoted(name)} -d {_quoted(_short(text))}"
            yield f"complete -c troth -f -n {_quoted(depth)} {what}"
        for name, text in node.options:
            flag = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            yield f"complete -c troth -n {_quoted(exact)} {flag} -d {_quoted(_short(text))}"


def _powershell(nodes: list[Node]) -> Iterator[str]:
    yield "Register-ArgumentCompleter -Native -CommandName troth -ScriptBlock {"
    yield "  param($typed, $ast, $position)"
    yield "  $known = @{"
    for node in nodes:
        names = ", ".join(_doubled(name) for name, _ in (*node.words, *node.options))
        yield f"    {_doubled(node.path)} = @({names})"
    yield "  }"
    yield '  $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" } |'
    yield "    Where-Object { $_ -ne $typed -and -not $_.StartsWith('-') })"
    yield "  while ($words.Count -gt 0 -and -not $known.ContainsKey($words -join ' ')) {"
    yield "    $words = @($words | Select-Object -SkipLast 1)"
    yield "  }"
    yield "  $known[($words -join ' ')] | Where-Object { $_ -like \"$typed*\" } | ForEach-Object {"
    yield "    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)"
    yield "  }"
    yield "}"


def _quoted(text: str) -> str:
    """Quote for POSIX shells; fish reads the result the same way."""
    return "'" + text.replace("'", "'\\''") + "'"


def _doubled(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _short(text: str) -> str:
    return text.replace("%", "").replace("\n", " ").replace(":", " ")[:70]
