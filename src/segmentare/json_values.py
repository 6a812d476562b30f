"""Values of JSON files, taken out with their types and ranges checked.

Whoever wrote such a file may have had another version, a damaged disk, or bad intentions. Each
function returns the value or raises an InputError whose text goes on in a sentence: "'depth' must
be a whole number from 2 to 8; it is 1e9".
"""

from __future__ import annotations

from reprlib import Repr
from typing import Any

from segmentare.errors import InputError

_LARGEST = 1e300
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 40
_SHORT.maxlong, _SHORT.maxlevel = 24, 2


def shown(value: Any) -> str:  # noqa: ANN401  any JSON value
    """Return a value in a few characters, for a message."""
    if isinstance(value, int) and abs(value) >= 10**24:  # Python refuses to write huge ones
        return "a number of more than 24 digits"
    return _SHORT.repr(value)


def whole(value: Any, name: str, least: int, most: int) -> int:  # noqa: ANN401  any JSON value
    """Return a whole number within a range."""
    if type(value) is not int or not least <= value <= most:
        raise InputError(
            f"{name!r} must be a whole number from {least} to {most}; it is {shown(value)}"
        )
    return value


def number(value: Any, name: str, least: float, most: float) -> float:  # noqa: ANN401  any JSON value
    """Return a number within a range, as a float."""
    if type(value) not in (int, float) or not least <= value <= most:  # also not NaN
        raise InputError(
            f"{name!r} must be a number from {least:g} to {most:g}; it is {shown(value)}"
        )
    return float(value)


def real(value: Any, name: str) -> float:  # noqa: ANN401  any JSON value
    """Return a number of any size that is not infinite."""
    return number(value, name, -_LARGEST, _LARGEST)


def flag(value: Any, name: str) -> bool:  # noqa: ANN401  any JSON value
    """Return true or false."""
    if type(value) is not bool:
        raise InputError(f"{name!r} must be true or false; it is {shown(value)}")
    return value


def text(value: Any, name: str) -> str:  # noqa: ANN401  any JSON value
    """Return a text."""
    if not isinstance(value, str):
        raise InputError(f"{name!r} must be a text; it is {shown(value)}")
    return value


def listed(value: Any, name: str, most: int, least: int = 0) -> list[Any]:  # noqa: ANN401  any JSON value
    """Return a list of so many values."""
    if not isinstance(value, list | tuple) or not least <= len(value) <= most:
        count = f"{least}" if least == most else f"{least} to {most}"
        raise InputError(f"{name!r} must be a list of {count} values; it is {shown(value)}")
    return list(value)


def table(value: Any, name: str) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    """Return an object of JSON."""
    if not isinstance(value, dict):
        raise InputError(f"{name!r} must be an object {{...}}; it is {shown(value)}")
    return value


def entry(data: dict[str, Any], name: str) -> Any:  # noqa: ANN401  any JSON value
    """Return an entry that must be there."""
    if name not in data:
        raise InputError(f"{name!r} is missing")
    return data[name]
