"""The starting weights that ship with the package, and what they have seen."""

import json
from pathlib import Path
from typing import Any

from segmentare.checkpoint import Arrays

SHIPPED = Path(__file__).parent / "weights"


def read_card() -> dict[str, Any]:
    """Return the card of the shipped weights: their network, images, and fingerprints of these."""
    card: dict[str, Any] = json.loads((SHIPPED / "start.json").read_text(encoding="utf-8"))
    return card


def read_start() -> Arrays:
    """Return the shipped weights by name."""
    from safetensors.numpy import load

    arrays: Arrays = load((SHIPPED / "start.safetensors").read_bytes())
    return arrays


def seen_by_start(start: str) -> list[str]:
    """Return the fingerprints of the pictures that shipped starting weights were learned from."""
    if start != "default":
        return []
    return [str(content) for content in read_card()["seen"]]
