"""The skeletons that datasets and OpenPose use, your own from a file, and the ways between them.

Sources: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, for order and sigmas
of the 17 keypoints of a person; `skeletons.toml` names those of the others.
"""

from __future__ import annotations

import colorsys
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations.poses import Keypoints, Poses, Skeleton
from segmentare.errors import InputError
from segmentare.opening import read_text

DEFAULT_SIGMA = 0.05  #: of keypoints whose name says nothing; COCO's go from 0.025 to 0.107

Color = tuple[int, int, int]

_FIELDS = ("name", "keypoints", "pairs", "limbs", "sigmas", "colors")

_DATA: dict[str, Any] = tomllib.loads(
    files("segmentare.annotations").joinpath("skeletons.toml").read_text(encoding="utf-8")
)
_SIGMAS: dict[str, float] = _DATA["by_name"]["sigmas"]
_COLORS: dict[str, Color] = {name: tuple(c) for name, c in _DATA["by_name"]["colors"].items()}

#: Names of one place of a body; the first is OpenPose's.
_SAME = (("mid_hip", "pelvis", "hip"), ("neck", "thorax"), ("upper_neck", "head_bottom"))

#: Keypoints that lie in the middle of two others.
_MEANS = {
    "neck": ("left_shoulder", "right_shoulder"),
    "mid_hip": ("left_hip", "right_hip"),
}


def plain(name: str) -> str:
    """Return a keypoint's name as this package spells it: "LShoulder" is `left_shoulder`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=^[LR])(?=[A-Z])", " ", name)
    parts = re.sub(r"[^A-Za-z0-9]+", " ", words).lower().split()
    for side in ("left", "right"):
        if side in parts or side[0] in parts:
            rest = [part for part in parts if part not in {side, side[0]}]
            return "_".join([side, *rest])
    return "_".join(parts)


def skeleton_of(
    name: str,
    keypoints: Sequence[str],
    *,
    limbs: Sequence[tuple[int, int]] = (),
    pairs: Sequence[tuple[int, int]] = (),
    sigmas: Mapping[int, float] | None = None,
    colors: Mapping[int, Color] | None = None,
) -> Skeleton:
    """Return a skeleton, its missing parts filled in by the names of its keypoints.

    Args:
        name: What people call it.
        keypoints: The names.
        limbs: What is connected, by index.
        pairs: Left and right twins, by index, beside those whose names say so.
        sigmas: By index; others are COCO's for joints of that name, else `DEFAULT_SIGMA`.
        colors: By index; others are OpenPose's for parts of that name, else spread over the hues.
    """
    names = [plain(keypoint) for keypoint in keypoints]
    swaps = list(range(len(names)))
    for one, other in (*_twins(names), *pairs):
        for k in (one, other):
            swaps[swaps[k]] = swaps[k]  # what is said outranks the names
        swaps[one], swaps[other] = other, one
    return Skeleton(
        name,
        tuple(keypoints),
        tuple(swaps),
        tuple(limbs),
        tuple((sigmas or {}).get(k, _sigma(n)) for k, n in enumerate(names)),
        tuple((colors or {}).get(k, _color(n, k / len(names))) for k, n in enumerate(names)),
    )


def find_skeleton(keypoints: Sequence[str]) -> Skeleton | None:
    """Return the known skeleton with these names in this order, however they are spelled."""
    return next((known for known in SKELETONS.values() if same_keypoints(keypoints, known)), None)


def same_keypoints(keypoints: Sequence[str], skeleton: Skeleton) -> bool:
    """Tell whether a skeleton has these names in this order, however they are spelled."""
    return [plain(name) for name in keypoints] == [plain(name) for name in skeleton.keypoints]


def read_skeleton(path: Path | str) -> Skeleton:
    """Read a skeleton from a TOML file.

    The file has the keys `keypoints` (a list of names) and, all of them optional, `name` (else
    the file's stem), `pairs` and `limbs` (lists of two names each), `sigmas` (one number, a list,
    or a table by name) and `colors` (a list of [red, green, blue], or a table by name). What is
    absent is as in `skeleton_of`.

    Raises:
        OSError: The file cannot be opened.
        InputError: It is no TOML, or what it says is no skeleton.

    Examples:
        >>> path = folder / "plant.toml"
        >>> _ = path.write_text('keypoints = ["stem", "left_leaf", "right_leaf"]')
        >>> skeleton = segmentare.read_skeleton(path)
        >>> skeleton.name, skeleton.swaps
        ('plant', (0, 2, 1))
    """
    path = Path(path)
    try:
        data = tomllib.loads(read_text(path, "utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path.name}' must be a TOML file: {error}. Correct it.") from error
    return _Table(f"'{path.name}'", data).skeleton(path.stem)


def convert(poses: Poses, to: Skeleton) -> Poses:
    """Return the same people with the keypoints of another skeleton, matched by name.

    A neck or a middle of the hips that is not there is the mean of the shoulders or hips, with
    the smaller of both scores, where both are found. What cannot be had is not found (0, 0, 0).

    Raises:
        InputError: The two have no keypoint in common.
    """
    if to.keypoints == poses.skeleton.keypoints:
        return replace(poses, skeleton=to)
    wanted = _sources(poses.skeleton, to)
    keypoints: Keypoints = np.zeros((len(poses), len(to.keypoints), 3), np.float32)
    for place, source in wanted.items():
        given = poses.keypoints[:, list(source)]
        found = (given[..., 2] > 0).all(axis=1)
        keypoints[found, place, :2] = given[found, :, :2].mean(axis=1)
        keypoints[found, place, 2] = given[found, :, 2].min(axis=1)
    return replace(poses, skeleton=to, keypoints=keypoints)


def dropped(given: Skeleton, to: Skeleton) -> tuple[str, ...]:
    """Return the keypoints of `given` that `convert` has no use for.

    Raises:
        InputError: The two have no keypoint in common.
    """
    used = {k for source in _sources(given, to).values() for k in source}
    return tuple(name for k, name in enumerate(given.keypoints) if k not in used)


def available(given: Skeleton, to: Skeleton) -> tuple[str, ...]:
    """Return the keypoints of `to` that `convert` can give to people who have all of `given`.

    Raises:
        InputError: The two have no keypoint in common.
    """
    return tuple(to.keypoints[place] for place in sorted(_sources(given, to)))


@cache
def _sources(given: Skeleton, to: Skeleton) -> dict[int, tuple[int, ...]]:
    """Return for each keypoint of `to` that can be had those of `given` whose mean it is."""
    index = {plain(name): k for k, name in enumerate(given.keypoints)}
    found: dict[int, tuple[int, ...]] = {}
    for place, name in enumerate(plain(name) for name in to.keypoints):
        same = next((group for group in _SAME if name in group), (name,))
        there = [index[other] for other in (name, *same) if other in index]
        between = _MEANS.get(same[0], ())
        if there:
            found[place] = (there[0],)
        elif between and all(other in index for other in between):
            found[place] = tuple(index[other] for other in between)
    if not found:
        raise InputError(
            f"Keypoints can only be converted between skeletons that share some; '{given.name}' "
            f"has {', '.join(given.keypoints[:5])}, ... and '{to.name}' has "
            f"{', '.join(to.keypoints[:5])}, ... Rename those that mean the same."
        )
    return found


def _twins(names: Sequence[str]) -> list[tuple[int, int]]:
    index = {name: k for k, name in enumerate(names)}
    return [
        (k, index["right_" + name.removeprefix("left_")])
        for name, k in index.items()
        if name.startswith("left_") and "right_" + name.removeprefix("left_") in index
    ]


def _sigma(name: str) -> float:
    return _SIGMAS.get(name, _SIGMAS.get(re.sub("^(left|right)_", "", name), DEFAULT_SIGMA))


def _color(name: str, hue: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 1.0)
    spread = round(255 * red), round(255 * green), round(255 * blue)
    return _COLORS.get(name, (255, 255, 255) if name.startswith("face_") else spread)


class _Table:
    """One skeleton in a TOML file."""

    def __init__(self, where: str, data: Mapping[str, Any]) -> None:
        self._where = where
        self._data = data
        self._names: list[str] = []

    def skeleton(self, name: str) -> Skeleton:
        unknown = [key for key in self._data if key not in _FIELDS]
        if unknown:
            raise self._error(f"may hold {', '.join(_FIELDS)}; it has '{unknown[0]}'. Rename it")
        names = self._data.get("keypoints")
        if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
            raise self._error(
                f"must list the names of the keypoints, as in keypoints = ['tip', 'base']; it has "
                f"{str(names)[:60]}. Add them"
            )
        twice = [n for n in names if names.count(n) > 1]
        if twice:
            raise self._error(f"must name each keypoint once; '{twice[0]}' stands twice. Rename it")
        self._names = names
        pairs = self._couples("pairs")
        paired = [k for pair in pairs for k in pair]
        again = [k for k in paired if paired.count(k) > 1]
        if again:
            raise self._error(
                f"must pair each keypoint with one other at most; '{names[again[0]]}' stands in "
                f"'pairs' more than once. Correct it"
            )
        return skeleton_of(
            str(self._data.get("name", name)),
            names,
            limbs=self._couples("limbs"),
            pairs=pairs,
            sigmas={k: self._sigma(value) for k, value in self._by_index("sigmas").items()},
            colors={k: self._color(value) for k, value in self._by_index("colors").items()},
        )

    def _couples(self, key: str) -> list[tuple[int, int]]:
        listed = self._data.get(key, [])
        couples = []
        for couple in listed if isinstance(listed, list) else [listed]:
            if not isinstance(couple, list) or len(couple) != 2 or couple[0] == couple[1]:
                raise self._error(
                    f"must have two different keypoints in each of '{key}', as in {key} = "
                    f"[['{self._names[0]}', '{self._names[-1]}']]; it has {str(couple)[:60]}"
                )
            couples.append((self._index(key, couple[0]), self._index(key, couple[1])))
        return couples

    def _by_index(self, key: str) -> dict[int, Any]:
        """Return what is given by name, in a list for all, or once for all."""
        given = self._data.get(key, {})
        if isinstance(given, dict):
            return {self._index(key, name): value for name, value in given.items()}
        if isinstance(given, list):
            if len(given) != len(self._names):
                raise self._error(
                    f"must have {len(self._names)} {key}, one for each keypoint; it has "
                    f"{len(given)}. Complete the list, or name those that you know: {key} = "
                    f"{{ '{self._names[0]}' = ... }}"
                )
            return dict(enumerate(given))
        return dict.fromkeys(range(len(self._names)), given)

    def _index(self, key: str, name: Any) -> int:  # noqa: ANN401  from a TOML file
        if name not in self._names:
            raise self._error(
                f"must name in '{key}' one of its keypoints, {', '.join(self._names)[:200]}; it "
                f"has {name!r}. Correct it"
            )
        return self._names.index(name)

    def _sigma(self, value: Any) -> float:  # noqa: ANN401  from a TOML file
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= 0:
            raise self._error(f"must have sigmas above 0, such as 0.05; it has {value!r}")
        return float(value)

    def _color(self, value: Any) -> Color:  # noqa: ANN401  from a TOML file
        if (
            not isinstance(value, list)
            or len(value) != 3
            or not all(isinstance(part, int) and 0 <= part <= 255 for part in value)
        ):
            raise self._error(f"must have colors of red, green, blue, 0 to 255; it has {value!r}")
        return value[0], value[1], value[2]

    def _error(self, what: str) -> ValueError:
        return ValueError(f"The skeleton {self._where} {what}.")


#: Those of datasets and of OpenPose, by name: see `skeletons.toml`.
SKELETONS: dict[str, Skeleton] = {
    name: _Table(f"'{name}'", data).skeleton(name)
    for name, data in _DATA.items()
    if name != "by_name"
}
