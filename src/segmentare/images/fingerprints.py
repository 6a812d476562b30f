"""Fingerprints of images: the same pixels, or the same picture saved another way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, resample

_SIDE = 16  # of the thumbnail that confirms what the hash suspects
_BITS = 20  # hashes that differ in more of their 64 bits are of different pictures
_ALIKE = 0.975  # least correlation of the thumbnails' details, also without their common part
_EQUAL = 0.998  # correlation that needs no further look
_ENOUGH = 4  # images whose mean shows what they have in common
_BLOCK = 2048  # images compared with all others at once


@dataclass(frozen=True)
class Fingerprint:
    """What tells an image from others.

    Attributes:
        exact: SHA-256 of the pixels, their shape and their type.
        near: 64 bits, one per place of a coarse grid: is it brighter than its left neighbor?
        details: A 16 x 16 gray thumbnail, bytes in base64, that confirms likeness.
    """

    exact: str
    near: int
    details: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fingerprint as JSON-ready data."""
        return {"exact": self.exact, "near": f"{self.near:016x}", "details": self.details}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(str(data["exact"]), int(str(data["near"]), 16), str(data["details"]))


def fingerprint(image: Image) -> Fingerprint:
    """Return the fingerprint of an image (H, W) or (H, W, C) of any type.

    Source: Krawetz, "Kind of Like That", 2013, https://www.hackerfactor.com/blog/?/archives/529,
    for the hash of differences.
    """
    digest = hashlib.sha256(f"{image.shape} {image.dtype}".encode())
    digest.update(np.ascontiguousarray(image).data)
    gray = _gray(image)
    grid = resample(gray, (8, 9))
    bits = np.packbits(grid[:, 1:] > grid[:, :-1])
    small = resample(gray, (_SIDE, _SIDE))
    low, high = float(small.min()), float(small.max())
    scaled = ((small - low) * (255 / max(high - low, 1e-6))).round().astype(np.uint8)
    details = base64.b64encode(scaled.tobytes()).decode("ascii")
    return Fingerprint(digest.hexdigest(), int.from_bytes(bits.tobytes(), "big"), details)


def near_duplicates(fingerprints: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of images that show the same picture.

    Finds copies that were resized, compressed, or changed a little in brightness; not mirrored,
    turned or cropped ones. Exact copies are pairs as well.
    """
    if len(fingerprints) < 2:
        return []
    signs = np.stack([_signs(mark.near) for mark in fingerprints])
    details = np.stack([_details(mark.details) for mark in fingerprints])
    special = _without_common(details)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(signs), _BLOCK):
        near, alike, apart = (
            rows[start : start + _BLOCK] @ rows[start:].T for rows in (signs, details, special)
        )
        same = (alike >= _EQUAL) | ((alike >= _ALIKE) & (apart >= _ALIKE))
        hits = np.argwhere(same & (near >= 64 - 2 * _BITS))
        pairs += [(start + int(i), start + int(j)) for i, j in hits if i < j]
    exact: dict[str, int] = {}
    known = set(pairs)
    for j, mark in enumerate(fingerprints):  # images without any detail have no thumbnail to match
        i = exact.setdefault(mark.exact, j)
        if i != j and (i, j) not in known:
            pairs.append((i, j))
    return sorted(pairs)


def _gray(image: Image) -> NDArray[np.float32]:
    """Return the mean of the first three channels, float32 of shape (H, W)."""
    if image.ndim == 2:
        return image.astype(np.float32)
    if image.dtype == np.uint8 and image.shape[2] == 3:
        gray: NDArray[np.float32] = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        return gray
    mean: NDArray[np.float32] = image[..., :3].mean(axis=2, dtype=np.float32)
    return mean


def _signs(bits: int) -> NDArray[np.float32]:
    """Return 64 bits as +1 and -1, so that a product counts the equal ones."""
    unpacked = np.unpackbits(np.frombuffer(bits.to_bytes(8, "big"), np.uint8))
    return unpacked.astype(np.float32) * 2 - 1


def _without_common(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of length 1, without what all images of a larger set have in common.

    The rim of a fundus camera is in every picture and stronger than what differs.
    """
    if len(rows) >= _ENOUGH:
        rows = rows - rows.mean(axis=0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = rows / np.maximum(lengths, 1e-6)
    return scaled


def _details(encoded: str) -> NDArray[np.float32]:
    """Return a thumbnail less its coarse light and dark, as a vector of length 1.

    Without that step all dark-cornered microscope pictures would resemble each other.
    """
    pixels = np.frombuffer(base64.b64decode(encoded), np.uint8).astype(np.float32)
    small = pixels.reshape(_SIDE, _SIDE)
    fine: NDArray[np.float32] = (small - cv2.GaussianBlur(small, (0, 0), 2)).ravel()
    length = float(np.linalg.norm(fine))
    return fine / length if length > 0 else fine
