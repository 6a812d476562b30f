"""A jointed body in space: where its joints are, and the outlines of its parts on the screen.

Lengths are shares of the height of a standing person. The body's own x runs to its left, y up, z
to where it looks; on the screen x runs right and y down, and depth towards the eye.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentare.synthetic.fields import Random, between

Points = NDArray[np.float64]

JOINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip"),
    *("right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)  #: in COCO's order

_UPPER_ARM, _FOREARM, _HAND, _THIGH, _SHIN, _TORSO, _NECK = (
    0.165,
    0.15,
    0.03,
    0.22,
    0.21,
    0.29,
    0.14,
)


@dataclass(frozen=True)
class Part:
    """One convex piece of a body as seen.

    Attributes:
        name: Such as `left_forearm`.
        outline: (x, y) of its corners, (N, 2).
        light: The same for its lit inside.
        depth: Nearness to the eye; nearer parts hide others.
        shows: Joints that are seen where this part is.
    """

    name: str
    outline: Points
    light: Points
    depth: float
    shows: tuple[str, ...]


def pose(rng: Random) -> dict[str, Points]:
    """Draw a posture: the places (x, y, depth) of joints and other points, hips in the origin."""
    lean, bow = rng.normal(0, 0.12), between(rng, -0.1, 0.35) * float(rng.random() < 0.6)
    up = _unit(math.sin(lean), math.cos(lean) * math.cos(bow), math.sin(bow))
    across = _unit(math.cos(lean), -math.sin(lean), 0)
    ahead = np.cross(across, up)
    neck = _TORSO * up
    head = neck + (_NECK + 0.03) * up + 0.02 * ahead
    points = {
        "neck": neck,
        "head": head,
        "face": head + 0.045 * ahead - 0.016 * up,
        "nose": head + 0.09 * ahead - 0.02 * up,
    }
    active = rng.random() < 0.6  # arms and legs of the others hang and stand
    for side, sign in (("left", 1.0), ("right", -1.0)):
        points[f"{side}_eye"] = head + sign * 0.044 * across + 0.075 * ahead + 0.018 * up
        points[f"{side}_ear"] = head + sign * 0.09 * across - 0.005 * up
        points[f"{side}_shoulder"] = neck + sign * 0.115 * across - 0.01 * up
        points[f"{side}_hip"] = sign * 0.075 * across
        points |= _arm(rng, points[f"{side}_shoulder"], side, sign, active=active)
        points |= _leg(rng, points[f"{side}_hip"], side, sign, active=active)
    return _turned(points, _yaw(rng), rng.normal(0, 0.06))


def _yaw(rng: Random) -> float:
    """Draw where a body looks: mostly to the eye, sometimes to a side or away."""
    kind = rng.random()
    if kind < 0.9:
        return float(rng.normal(0, 0.4))
    return float(math.pi + rng.normal(0, 0.4)) if kind < 0.95 else between(rng, -1.5, 1.5)


def _arm(
    rng: Random, shoulder: Points, side: str, sign: float, *, active: bool
) -> dict[str, Points]:
    raised = between(rng, 0.2, 2.6) if active else between(rng, 0.08, 0.5)
    ahead = between(rng, -0.3, 0.5) if active else between(rng, -0.2, 0.3)
    upper = _unit(sign * math.sin(raised), -math.cos(raised), math.sin(ahead))
    bent = between(rng, -0.4, 1.8) if active else between(rng, -0.2, 0.5)
    turned = raised + bent * (1 if raised > 0.6 else -0.6)
    lower = _unit(
        sign * math.sin(turned), -math.cos(turned), math.sin(ahead + between(rng, 0, 0.4))
    )
    elbow = shoulder + _UPPER_ARM * upper
    wrist = elbow + _FOREARM * lower
    return {f"{side}_elbow": elbow, f"{side}_wrist": wrist, f"{side}_hand": wrist + _HAND * lower}


def _leg(rng: Random, hip: Points, side: str, sign: float, *, active: bool) -> dict[str, Points]:
    aside = between(rng, 0.0, 0.5) if active else between(rng, 0.0, 0.15)
    ahead = between(rng, -0.4, 0.8) if active else between(rng, -0.15, 0.2)
    bent = between(rng, 0, 1.3) if active and rng.random() < 0.6 else between(rng, 0, 0.2)
    thigh = _unit(sign * math.sin(aside), -math.cos(aside) * math.cos(ahead), math.sin(ahead))
    shin = _unit(sign * 0.5 * math.sin(aside), -math.cos(ahead - bent), math.sin(ahead - bent))
    knee = hip + _THIGH * thigh
    ankle = knee + _SHIN * shin
    toes = ankle + np.array([0.01 * sign, -0.03, 0.07])
    return {f"{side}_knee": knee, f"{side}_ankle": ankle, f"{side}_toes": toes}


def _turned(points: dict[str, Points], yaw: float, roll: float) -> dict[str, Points]:
    """Return points as seen: turned about the upright axis, then tilted on the screen."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    seen = {}
    for name, (x, y, z) in points.items():
        right, depth = x * cos + z * sin, z * cos - x * sin
        down = -y
        seen[name] = np.array(
            [
                right * math.cos(roll) - down * math.sin(roll),
                right * math.sin(roll) + down * math.cos(roll),
                depth,
            ]
        )
    return seen


def parts(points: dict[str, Points], stout: float) -> list[Part]:
    """Return the parts of a body, the farthest first.

    Args:
        points: What `pose` returned, moved and scaled to the screen.
        stout: Factor on all widths, which grow with the body.
    """
    scale = float(np.linalg.norm(points["left_shoulder"] - points["left_elbow"])) / _UPPER_ARM
    size = stout * scale
    found = []

    def tube(
        name: str, ends: Sequence[str], radii: Sequence[float], shows: str, more: float
    ) -> None:
        places = np.array([points[end] for end in ends])
        outline = _hull(places[:, :2], np.array(radii) * size)
        light = _hull(places[:, :2] - 0.012 * size, 0.6 * np.array(radii) * size)
        depth = float(places[:, 2].mean()) + more * scale
        found.append(Part(name, outline, light, depth, tuple(shows.split())))

    for side in ("left", "right"):
        s = f"{side}_"
        tube(s + "foot", (s + "ankle", s + "toes"), (0.034, 0.03), s + "ankle", 0)
        tube(s + "shin", (s + "knee", s + "ankle"), (0.042, 0.03), f"{s}knee {s}ankle", 0)
        tube(s + "thigh", (s + "hip", s + "knee"), (0.06, 0.044), f"{s}hip {s}knee", 0.001)
        tube(s + "hand", (s + "wrist", s + "hand"), (0.036, 0.034), s + "wrist", 0.002)
        tube(s + "forearm", (s + "elbow", s + "wrist"), (0.034, 0.026), f"{s}elbow {s}wrist", 0.003)
        ends = (s + "shoulder", s + "elbow")
        tube(s + "upper_arm", ends, (0.042, 0.034), " ".join(ends), 0)
    trunk = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    tube("torso", trunk, (0.042, 0.042, 0.055, 0.055), " ".join(trunk), 0)
    tube("hips", trunk[2:], (0.06, 0.06), " ".join(trunk[2:]), 0.0005)
    tube("throat", ("neck", "head"), (0.036, 0.036), "", 0.001)
    tube("hair", ("head",), (0.108,), "left_ear right_ear", 0.01)
    if points["face"][2] > points["head"][2]:  # else it looks away
        tube("face", ("face",), (0.088,), "nose left_eye right_eye left_ear right_ear", 0.05)
        for name in ("left_eye", "right_eye"):
            if points[name][2] > points["head"][2]:
                tube(name, (name,), (0.019,), name, 0.06)
        tube("nose", ("nose",), (0.018,), "nose", 0.06)
    return sorted(found, key=lambda part: part.depth)


def _unit(x: float, y: float, z: float) -> Points:
    vector = np.array([x, y, z])
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _hull(centers: Points, radii: Points) -> Points:
    """Return the corners of the convex hull of disks, in order."""
    turns = np.linspace(0, 2 * math.pi, 16, endpoint=False)
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    along = centers @ ring.T + radii[:, None]  # how far each disk reaches in each direction
    farthest = along.argmax(axis=0)
    corners: Points = centers[farthest] + radii[farthest, None] * ring
    return corners
