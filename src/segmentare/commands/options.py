"""The options of a command: read from its signature and docstring, and checked when it is called.

A command is a function that spells out all of its keywords. Its signature says their names, types
and defaults; each has a line under `Args:` in its docstring, which is its help. Nothing else needs
to be written: `command` refuses what does not fit, and the command line is made from `options_of`.

Two things under `Args:` are for the command line only: a name may be followed by what stands for
its value, as in `data (DATA)`, or by the whole option, as in `out (--out DIR)`, where Python takes
it by place; and a line in square brackets begins a group.
"""

from __future__ import annotations

import builtins
import difflib
import functools
import inspect
import itertools
import re
import shlex
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from segmentare.errors import InputError, UnknownOptionError

P = ParamSpec("P")
R = TypeVar("R")

REQUIRED = inspect.Parameter.empty  #: the default of what has none


@dataclass(frozen=True)
class Option:
    """One option of a command.

    Attributes:
        name: In Python.
        help: What it does, without its default.
        form: How the command line writes it: `DATA`, `--out DIR` or "".
        group: Heading that it stands under, or "".
        default: Its default, or `REQUIRED`.
        types: What its value may be, without `None`; `choices` are not among them.
        choices: Values that it may have beside those, if it is a choice.
        by_place: True where the command line takes it by place, too.
    """

    name: str
    help: str
    form: str
    group: str
    default: Any
    types: tuple[Any, ...]
    choices: tuple[Any, ...]
    by_place: bool

    @property
    def many(self) -> bool:
        """True where several values may be given."""
        return Sequence in self.types

    @property
    def flag(self) -> str:
        """What the command line calls it."""
        written = self.form.split(" ")[0]
        return written if written.startswith("--") else f"--{self.name.replace('_', '-')}"

    @property
    def flags(self) -> list[str]:
        """All that the command line knows it by; none where it is taken by place."""
        if self.by_place:
            return []
        return [self.flag, *([f"--no-{self.flag[2:]}"] if bool in self.types else [])]

    def words(self, value: Any) -> list[str]:  # noqa: ANN401  whatever a caller gives
        """Return what sets it on the command line; nothing where it is its default."""
        if self.by_place:
            return [] if value is None else [str(value)]
        if value == self.default:
            return []
        if isinstance(value, bool):
            return [self.flag if value else f"--no-{self.flag[2:]}"]
        if isinstance(value, tuple):
            return [self.flag, "x".join(map(str, value))]
        named = value if isinstance(value, str | int | float | Path) else value.name
        return [self.flag, str(named)]

    def check(self, value: Any) -> None:  # noqa: ANN401  whatever a caller gives
        """Refuse a value that is not one of the choices.

        Raises:
            InputError: It is none of them.
        """
        if not self.choices or self.types or value is None or value in self.choices:
            return
        known = ", ".join(str(choice) for choice in self.choices)
        raise InputError(
            f"`{self.name}` must be one of {known}; got {value!r}.{hint(str(value), self.choices)}"
        )


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function refuse unknown options and unknown choices before it does anything.

    Raises:
        UnknownOptionError: There is no such option.
        InputError: There is no such choice.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in signature.parameters:
                raise UnknownOptionError(
                    f"{function.__name__}() has no option {name!r}."
                    f"{hint(name, signature.parameters)}"
                )
        given = signature.bind_partial(*args, **kwargs).arguments
        for option in options_of(function):
            if option.name in given:
                option.check(given[option.name])
        return function(*args, **kwargs)

    return checked


def command_line(function: Callable[..., Any], values: Mapping[str, Any]) -> str:
    """Return the command line that does the same as a call with these values."""
    words = [option.words(values[option.name]) for option in options_of(function)]
    return shlex.join(["segmentare", function.__name__, *itertools.chain(*words)])


def hint(wrong: str, known: Iterable[Any]) -> str:
    """Return " Did you mean 'right'?", or "" where nothing is near.

    >>> hint("bugdet", ["data", "budget"])
    " Did you mean 'budget'?"
    """
    near = difflib.get_close_matches(wrong, [str(name) for name in known], 1)
    return f" Did you mean {near[0]!r}?" if near else ""


@functools.cache
def options_of(function: Callable[..., Any]) -> tuple[Option, ...]:
    """Return the options of a command, in the order of its signature."""
    function = inspect.unwrap(function)
    texts = _documented(inspect.getdoc(function) or "")
    names = _Names(vars(inspect.getmodule(function)))
    options = []
    for name, found in inspect.signature(function, locals=names, eval_str=True).parameters.items():
        form, text, group = texts.get(name, ("", "", ""))
        kinds = [kind for kind in _alternatives(found.annotation) if kind is not types.NoneType]
        choices = [c for k in kinds if typing.get_origin(k) is Literal for c in typing.get_args(k)]
        others = [kind for kind in kinds if typing.get_origin(kind) is not Literal]
        by_place = found.kind is found.POSITIONAL_OR_KEYWORD and not form.startswith("--")
        options.append(
            Option(name, text, form, group, found.default, tuple(others), tuple(choices), by_place)
        )
    return tuple(options)


class _Names(dict[str, Any]):
    """Names in annotations; those that are imported for type checkers only mean anything."""

    def __missing__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(builtins, name, Any)


def _alternatives(annotation: Any) -> Sequence[Any]:  # noqa: ANN401  any type
    """Return the members of a union, the items of a sequence, or the one type that there is."""
    kind, parts = typing.get_origin(annotation), typing.get_args(annotation)
    inner = [one for part in parts for one in _alternatives(part)]
    if kind in {typing.Union, types.UnionType}:
        return inner
    return [Sequence, *inner] if kind is Sequence else [annotation]


def _documented(text: str) -> dict[str, tuple[str, str, str]]:
    """Return form, help and group of every name under `Args:`."""
    lines = iter(text.partition("\nArgs:\n")[2].splitlines())
    found: dict[str, tuple[str, str, str]] = {}
    name = group = ""
    for line in lines:
        stripped = line.strip()
        if stripped and not line.startswith(" "):
            break
        if heading := re.fullmatch(r"    \[(.+)\]", line):
            group = heading[1]
        elif begun := re.fullmatch(r"    (\w+)(?: \((.+?)\))?: (.+)", line):
            name = begun[1]
            found[name] = (begun[2] or "", begun[3], group)
        elif stripped:
            form, said, where = found[name]
            found[name] = (form, f"{said} {stripped}", where)
    return found


@dataclass(frozen=True)
class Description:
    """What the docstring of a command says before and after its options.

    Attributes:
        first: The first sentence, without its full stop, for a list.
        text: All paragraphs before `Args:`.
        examples: Command lines under `Examples:`.
    """

    first: str
    text: str
    examples: tuple[str, ...]


def describe(function: Callable[..., Any]) -> Description:
    """Return what the docstring of a command says beside its options."""
    text = inspect.getdoc(function) or ""
    said = text.partition("\nArgs:\n")[0].strip()
    examples = re.findall(
        r"^    (segmentare .+)$", text.partition("\nExamples:\n")[2], re.MULTILINE
    )
    return Description(said.partition("\n")[0].removesuffix("."), said, tuple(examples))
