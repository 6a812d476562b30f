"""The options of `segmentare export`."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
  segmentare export run --to savedmodel --data photos"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add them all."""
    command.add_argument("run", type=Path, metavar="RUN", help="model folder")
    command.add_argument("--to", required=True, choices=("savedmodel",), help="the format")
    command.add_argument(
        "--data", type=Path, required=True, metavar="DATA", help="annotated images to compare on"
    )
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="a new folder (beside RUN: RUN-<format>)"
    )
    command.add_argument("--images", type=int, default=24, help="to compare on, at most (24)")
    command.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument(
        "--reader", metavar="NAME", help="force a layout instead of recognizing it"
    )
    command.add_argument("--quiet", action="store_true", help="show no progress")
