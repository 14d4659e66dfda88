"""Completion scripts for shells, made from the parser itself: static text, nothing runs while a user types."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

BASH = """\
_punk() {
  local word=${COMP_WORDS[COMP_CWORD]} options
  case ${COMP_WORDS[1]} in
@CASES@
    *) options="@COMMANDS@" ;;
  esac
  if [[ $COMP_CWORD -eq 1 || $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    COMPREPLY=()
  fi
}
complete -o bashdefault -o default -F _punk punk
"""
ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The parser of a program with commands, and bash, zsh or fish -> the text of a script."""
    commands = dict(_commands(parser))
    if shell == "fish":
        return "\n".join(_fish(parser, commands)) + "\n"
    cases = [f'    {name}) options="{" ".join(_words(command))}" ;;' for name, command in commands.items()]
    words = [*commands, *_words(parser)]
    filled = BASH.replace("@CASES@", "\n".join(cases)).replace("@COMMANDS@", " ".join(words))
    return ZSH + filled if shell == "zsh" else filled


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Long options, and the choices of what has some."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue
        yield from (word for word in action.option_strings if word.startswith("--"))
        if not action.option_strings and action.choices is not None:
            yield from map(str, action.choices)


def _fish(parser: argparse.ArgumentParser, commands: dict[str, argparse.ArgumentParser]) -> Iterator[str]:
    told = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in told._choices_actions}
    for name, command in commands.items():
        yield f"complete -c punk -n __fish_use_subcommand -a {name} -d '{_quoted(helps[name])}'"
        for action in command._actions:
            for word in action.option_strings:
                if word.startswith("--"):
                    value = "" if action.nargs == 0 else " -r"
                    yield (
                        f"complete -c punk -n '__fish_seen_subcommand_from {name}' -l {word[2:]}{value}"
                        f" -d '{_quoted(action.help or '')}'"
                    )
            if not action.option_strings and action.choices is not None:
                choices = " ".join(map(str, action.choices))
                yield f"complete -c punk -f -n '__fish_seen_subcommand_from {name}' -a '{choices}'"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
