"""The command line, made from `commands`: words in, a function of Python, a result and a code out.

Exit codes: 0 all went well; 1 it ran, but something is wrong with the data (a dataset that cannot
be trained on, images that could not be read); 2 it could not run, and a sentence says why; 70 a
bug, whose traceback is kept in a file; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import json
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from segmentare.commands import COMMANDS
from segmentare.commands.arguments import values_of
from segmentare.commands.options import Option, describe, hint, options_of
from segmentare.errors import SegmentareError, UnknownOptionError
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
        if file not in {None, "-"}:
            _check_free(Path(file), words[0])
        result: Result = function(**values)
        _print(result, file, words[0], options)
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
    return function, values_of(name, function, rest)


def _print(result: Result, file: str | None, name: str, options: Sequence[Option]) -> None:
    """Print a result, as JSON if that was asked for, or write that to a file as well."""
    from segmentare.overwriting import sign, write_signed

    if file == "-":
        print(result.to_json())
        return
    if file is not None:
        write_signed(Path(file), f"{sign(result.to_json(), name)}\n", name)
    show(result, options)


def _check_free(file: Path, name: str) -> None:
    """Refuse to replace a file before the work, not after it."""
    from segmentare.overwriting import check_replaceable

    check_replaceable(file, name)


def show(result: Result, options: Sequence[Option] = ()) -> None:
    """Print the tables of a result, whose lines may name options of the command."""
    from rich.table import Table

    from segmentare.terminal import console

    out = console()
    for item in result.tables():
        line = _as_flags(item, options) if isinstance(item, str) else item
        out.print(line, soft_wrap=not isinstance(item, Table))


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
