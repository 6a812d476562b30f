"""Print how much a package takes on disk with all that it needs, as JSON; runs in any environment.

    python benchmarks/peers/installed.py segmentation-models-pytorch
    python benchmarks/peers/installed.py transformers torch     # together, where one is optional

Counted are the files of the package and of everything that its requirements lead to, once with and
once without PyTorch and what only PyTorch needs (whose size is that of the build for the machine:
one for graphics cards brings gigabytes of libraries).
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from pip._vendor.packaging.requirements import Requirement  # every environment has pip
from pip._vendor.packaging.utils import canonicalize_name


def closure(name: str, extras: tuple[str, ...] = (), left_out: str = "") -> dict[str, Distribution]:
    """Return the package and all that it needs, by name."""
    found: dict[str, Distribution] = {}
    open_ends = [(canonicalize_name(name), frozenset(extras))]
    done = set()
    while open_ends:
        name, wanted = end = open_ends.pop()
        if end in done or name == left_out:
            continue
        done.add(end)
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # a need of another system or Python
            continue
        for line in found[name].requires or ():
            need = Requirement(line)
            needed = need.marker is None or any(
                need.marker.evaluate({"extra": extra}) for extra in (*wanted, "")
            )
            if needed:
                open_ends.append((canonicalize_name(need.name), frozenset(need.extras)))
    return found


def megabytes(found: dict[str, Distribution]) -> int:
    """Return the size of all files of packages, decimal."""
    total = 0
    for package in found.values():
        for file in package.files or ():
            path = file.locate()
            total += path.stat().st_size if path.is_file() else 0
    return round(total / 1e6)


def main() -> None:
    everything: dict[str, Distribution] = {}
    alone: dict[str, Distribution] = {}
    for word in sys.argv[1:]:
        name, _, extra = word.partition("[")
        extras = tuple(filter(None, extra.rstrip("]").split(",")))
        everything |= closure(name, extras)
        alone |= closure(name, extras, "torch")
    name = sys.argv[1].partition("[")[0]
    facts = {
        "package": name,
        "version": everything[canonicalize_name(name)].version,
        "packages": len(everything),
        "install_mb": megabytes(everything),
        "without_torch_mb": megabytes(alone),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
