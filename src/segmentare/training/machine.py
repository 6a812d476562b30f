"""What computer and what versions a result comes from."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("segmentare", "torch", "tensorflow", "numpy", "opencv-python-headless")


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory and versions as JSON-ready data; no names of people."""
    return {
        "processor": processor(),
        "cores": cores(),
        "memory_gb": _memory(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version for name in _PACKAGES if (version := _version(name))},
    }


def now() -> str:
    """Return the time as ISO 8601 in UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def peak_memory_gb() -> float | None:
    """Return the most memory that this process has held so far, or `None` on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e9 if sys.platform == "darwin" else 1e6), 2)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """Return how many threads a network should use: the number in OMP_NUM_THREADS, else cores."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else cores()


def processor() -> str:
    """Return the name of the processor."""
    return _told("model name") or platform.processor() or platform.machine()


def processor_flags() -> set[str]:
    """Return what the processor says that it can do; nothing where Linux does not tell."""
    return set((_told("flags") or _told("Features")).split())


def _told(key: str) -> str:
    """Return what Linux says of the first core, "" where it says nothing."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == key), "")


def _memory() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
