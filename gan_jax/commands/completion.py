"""`gan-jax completion`: what a shell needs to complete commands, options and experiments."""

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module

from rich.console import Console

from gan_jax.commands import COMMANDS
from gan_jax.commands.options import command_parser, parse
from gan_jax.runs.named_experiments import named_experiments

__all__ = ["main"]

_BASH = """_gan_jax() {{
  local words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="{commands}"
  else
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _gan_jax gan-jax
"""
_SHELLS = ("bash", "zsh", "fish")


def main(arguments: Sequence[str], console: Console) -> int:
    """Print the script of a shell."""
    parser = command_parser("completion", 'Print what completes commands: eval "$(gan-jax completion bash)".')
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help=", ".join(_SHELLS))
    shell = parse(parser, arguments).shell
    words = {name: _options(name, console) for name in COMMANDS if name != "completion"} | {"completion": [*_SHELLS]}
    for name in ("train", "families"):
        words[name] += named_experiments()
    words["experiments"] += named_experiments()
    print(_fish(words) if shell == "fish" else _bash(words, shell))
    return 0


def _options(command: str, console: Console) -> list[str]:
    """The options that a command's help names."""
    page = io.StringIO()
    with redirect_stdout(page), suppress(SystemExit):
        import_module(f"gan_jax.commands.{command}").main(["--help-all"], console)
    return sorted({*re.findall(r"^ +(?:-h, )?(--[\w.-]+)", page.getvalue(), flags=re.MULTILINE)})


def _bash(words: dict[str, list[str]], shell: str) -> str:
    cases = "\n".join(f'      {name}) words="{" ".join(each)}" ;;' for name, each in words.items())
    before = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return before + _BASH.format(commands=" ".join(words), cases=cases)


def _fish(words: dict[str, list[str]]) -> str:
    lines = [f"complete -c gan-jax -n __fish_use_subcommand -a {name} -d '{COMMANDS[name][1]}'" for name in words]
    for name, each in words.items():
        lines.append(f"complete -c gan-jax -n '__fish_seen_subcommand_from {name}' -a '{' '.join(each)}'")
    return "\n".join(lines)
