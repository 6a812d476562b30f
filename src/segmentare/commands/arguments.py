"""The arguments of a command on the command line, made from its options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from segmentare.commands.options import REQUIRED, Option, describe, hint, options_of
from segmentare.errors import UnknownOptionError

_NO_DEFAULT = (REQUIRED, None, False, ())  # that a help need not say


def values_of(name: str, function: Callable[..., Any], words: Sequence[str]) -> dict[str, Any]:
    """Return what the words of a command line call a function with, and `json` if they ask for it.

    Args:
        name: Of the command.
        function: That is to be called.
        words: Behind the name.

    Raises:
        UnknownOptionError: There is no such option.
        SystemExit: The help was printed, or the words are no call of the function.
    """
    flags = [one for option in options_of(function) for one in option.flags]
    flags += ["--help", "--json"]
    for word in words[: words.index("--")] if "--" in words else words:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in flags:
            raise UnknownOptionError(
                f"{name} has no option {flag!r}.{hint(flag, flags)} See 'segmentare {name} --help'."
            )
    return vars(parser_of(name, function).parse_args(words))


class _Parser(argparse.ArgumentParser):
    """Prints usage errors in the same form as all others."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"Error: {message}. See '{self.prog} --help'.\n")


def parser_of(name: str, function: Callable[..., Any]) -> argparse.ArgumentParser:
    """Return the parser of a command."""
    about = describe(function)
    parser = _Parser(
        prog=f"segmentare {name}",
        usage=" ".join(["segmentare", name, *_needed(function), "[options]"]),
        description=about.text,
        epilog="examples:\n" + "\n".join(f"  {line}" for line in about.examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    groups: dict[str, Any] = {"": parser}
    for option in options_of(function):
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        _add(groups[option.group], option)
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE.json",
        type=_json_file,
        help="Print the result as JSON, or write it to a file.",
    )
    return parser


def _needed(function: Callable[..., Any]) -> list[str]:
    """Return how a command line writes what must be given."""
    needed = [option for option in options_of(function) if option.default is REQUIRED]
    return [option.form + " ..." * option.many for option in needed]


def _add(group: argparse._ActionsContainer, option: Option) -> None:
    """Add an option of a function to a parser."""
    shown = option.help
    if not option.by_place and not any(option.default is one for one in _NO_DEFAULT):
        shown += f" Default: {'on' if option.default is True else option.default}."
    shown = shown.replace("%", "%%")
    text = option.form.rpartition(" ")[2] or option.name.upper()
    more: dict[str, Any] = {"help": shown, "type": _reader(option)}
    more["metavar"] = "{" + ",".join(map(str, option.choices)) + "}" if option.choices else text
    if option.many:
        more["nargs"] = "+"
    if option.by_place:
        if option.default is not REQUIRED:
            more |= {"nargs": "?", "default": option.default}
        group.add_argument(option.name, **more)
    elif bool not in option.types:
        group.add_argument(
            option.flag, dest=option.name, required=option.default is REQUIRED, **more
        )
    else:
        _add_switch(group, option, more)


def _add_switch(group: argparse._ActionsContainer, option: Option, more: dict[str, Any]) -> None:
    """Add an option that is on or off, or else takes a value; help shows what changes something."""
    valued = len(option.types) > 1
    on = {**more, "nargs": "?", "const": True} if valued else {"action": "store_true"}
    negative = f"--no-{option.flag[2:]}"
    off: dict[str, Any] = {"action": "store_false", "dest": option.name}
    if option.default is False:
        group.add_argument(option.flag, dest=option.name, **{**on, "help": more["help"]})
        group.add_argument(negative, **off, help=argparse.SUPPRESS)
    elif valued:
        group.add_argument(option.flag, dest=option.name, **on)
        group.add_argument(negative, **off, help=f"The opposite of {option.flag}.")
    else:
        action = argparse.BooleanOptionalAction
        group.add_argument(option.flag, dest=option.name, action=action, help=more["help"])


def _reader(option: Option) -> Callable[[str], Any]:
    """Return what makes a value of the text that stands behind an option."""
    if option.choices and not option.types:
        known = {str(choice): choice for choice in option.choices}
        return lambda text: known.get(text, text)  # the function refuses others
    if any(kind in option.types for kind in (str, Path)):
        return str
    kind, what = (float, "a number") if float in option.types else (int, "a whole number")

    def read(text: str) -> float:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be {what}, got {text!r}") from None

    return read


def _json_file(text: str) -> str:
    """Return the file that an optional value of `--json` names.

    A folder behind `--json` is an argument of the command, and must not be taken for it.
    """
    if text != "-" and not text.endswith(".json"):
        message = f"the file's name must end in .json, found {text}; to print JSON, put --json last"
        raise argparse.ArgumentTypeError(message)
    return text
