"""The command line, made from `commands`: words in, a function of Python, a result and a code out.

Exit codes: 0 all went well; 1 it ran, but something is wrong with the data (a dataset that cannot
be trained on, images that could not be read); 2 it could not run, and a sentence says why; 70 a
bug, whose traceback is kept in a file; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import json
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from segmentare.commands import COMMANDS
from segmentare.commands.options import REQUIRED, Option, describe, hint, options_of
from segmentare.errors import SegmentareError, UnknownOptionError
from segmentare.overwriting import check_replaceable, sign, write_signed
from segmentare.result import Result

_ABOUT = """\
From a folder of annotated images to a segmentation model that is measured, fast and ready to use.

  segmentare demo                          no data at hand? see it work on drawn images
  segmentare check photos                  what is in this folder, and what is wrong with it
  segmentare train photos --out run        train for ten minutes, score on images never seen
  segmentare evaluate run others           score on another folder
  segmentare predict run new_photos --out masks --overlay
  segmentare predict run video.mp4 --out found

commands:
"""

_NO_DEFAULT = (REQUIRED, None, False, ())  # that a help need not say


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if words is None else words)
    options: tuple[Option, ...] = ()
    try:
        if not words or words[0] in {"-h", "--help"}:
            print(overview())
            return 0
        if words[0] == "--version":
            print(f"segmentare {_version()}")
            return 0
        function, values = parse(words)
        options = options_of(function)
        file = values.pop("json", None)
        if file not in {None, "-"}:  # before the work, not after it
            check_replaceable(Path(file), words[0])
        result: Result = function(**values)
        _print(result, file, words[0])
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001  what is not ours is a bug, and its traceback is kept
        sentence = explain(error)
        print(f"Error: {_as_flags(sentence or _report(error), options)}", file=sys.stderr)
        return 2 if sentence else 70
    return result.exit_code


def overview() -> str:
    """Return what `segmentare --help` prints."""
    lines = [f"  {name:<12}{describe(find(name)).first}" for name in COMMANDS]
    end = "'segmentare COMMAND --help' teaches a command; --version prints the version."
    return "\n".join(["usage: segmentare COMMAND ...", "", _ABOUT + "\n".join(lines), "", end])


def find(name: str) -> Callable[..., Any]:
    """Return the function of a command.

    Raises:
        UnknownOptionError: There is no such command.
    """
    if name not in COMMANDS:
        known = hint(name, COMMANDS) or f" The commands are {', '.join(COMMANDS)}."
        raise UnknownOptionError(f"There is no command {name!r}.{known} See 'segmentare --help'.")
    module = import_module(f"segmentare.commands.{name}")
    function: Callable[..., Any] = getattr(module, COMMANDS[name])
    return function


def parse(words: Sequence[str]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function that the words name, and what it is to be called with.

    Raises:
        UnknownOptionError: There is no such command or option.
        SystemExit: Its help was printed, or the words are no call of it.
    """
    name, *rest = words
    function = find(name)
    parser = parser_of(name, function)
    flags = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001  has no public name
    for word in rest[: rest.index("--")] if "--" in rest else rest:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in flags:
            raise UnknownOptionError(
                f"{name} has no option {flag!r}.{hint(flag, flags)} See 'segmentare {name} --help'."
            )
    return function, vars(parser.parse_args(rest))


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


def _print(result: Result, file: str | None, name: str) -> None:
    """Print a result, as JSON if that was asked for, or write that to a file as well."""
    text = sign(result.to_json(), name) if file else ""
    if file == "-":
        print(text)
        return
    if file is not None:
        write_signed(Path(file), f"{text}\n", name)
    show(result)


def show(result: Result) -> None:
    """Print the tables of a result."""
    from rich.table import Table

    from segmentare.terminal import console

    out = console()
    for item in result.tables():
        out.print(item, soft_wrap=not isinstance(item, Table))


def explain(error: Exception) -> str:
    """Return the one sentence that a user gets for an error; "" for a bug."""
    said = str(error)
    match error:
        case OSError(errno=errno.ENOSPC):
            said = "The disk is full: nothing more could be written. Free some space and go on."
        case OSError(filename=str() | Path() as file, strerror=str() as what):
            said = f"{what}: {str(file)!r}."
        case MemoryError():
            said = "There is not enough memory for this. Free some, or give smaller images."
        case json.JSONDecodeError():
            said = f"A file that must be JSON cannot be read: {error}."
        case UnicodeDecodeError():
            said = f"A file that must be text in UTF-8 cannot be read: {error}."
        case SegmentareError() | OSError() | ValueError():
            pass  # ValueError only until all of ours are an `InputError`
        case _:
            said = ""
    return said


def _as_flags(sentence: str, options: Sequence[Option]) -> str:
    """Write arguments of Python that a message names, such as `size`, as the command line does."""
    known = {option.name: option for option in options}

    def flag(found: re.Match[str]) -> str:
        option = known.get(found[1])
        if option is None:
            return found[0]
        if option.by_place:
            return option.form or option.name.upper()
        if found[2] == "False":
            return f"--no-{option.flag[2:]}"
        value = (found[2] or "").strip("'\"")
        return f"{option.flag} {value}" if value and value != "True" else option.flag

    return re.sub(r"`(\w+)(?:=([^`]*))?`", flag, sentence)


def _report(error: Exception) -> str:
    """Keep the traceback of a bug in a file, and return what to do with it."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="segmentare-bug-", suffix=".txt", delete=False
    ) as file:
        print(f"segmentare {_version()}, Python {sys.version}", file=file)
        print(*sys.argv, file=file)
        traceback.print_exception(error, file=file)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"This is a bug in segmentare ({what}). Please report it, with the file {file.name!r}."


def _version() -> str:
    from importlib.metadata import version

    return version("segmentare")


if __name__ == "__main__":
    sys.exit(main())
