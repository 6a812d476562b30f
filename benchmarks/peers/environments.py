"""Make the environments of the peers, outside the project, and say how large they are.

    python benchmarks/peers/environments.py smp monai

The large packages that all share (PyTorch, torchvision, timm) stand in the environment `base`, and
the others see it through a `.pth` file. pip runs as the machine has it set up (`PIP_...` variables
reach it). What came of it is kept in `info.json` of each environment, a failure too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from peers import ENVIRONMENTS

HERE = Path(__file__).parent
DEFAULT = Path.home() / ".cache" / "segmentare-peers"
PATIENCE = 1800  # seconds for one installation
FETCHING = 120  # seconds for weights
INFO = "info.json"


def python_of(root: Path, name: str) -> Path:
    folder = "Scripts" if os.name == "nt" else "bin"
    return root / name / folder / "python"


def info_of(root: Path, name: str, *, again: bool = False) -> dict[str, Any]:
    """Return what is known of an environment, which is made if it is not there.

    The key `failed` holds the reason where it could not be made; `again` tries once more.
    """
    path = root / name / INFO
    if path.is_file():
        info = json.loads(path.read_text(encoding="utf-8"))
        if not (again and "failed" in info):
            return info
    info = make(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(info, indent=1), encoding="utf-8")
    return info


def ready(root: Path, name: str) -> Path:
    """Return the Python of an environment, which is made if it is not there.

    Raises:
        SystemExit: It could not be made.
    """
    info = info_of(root, name, again=True)
    if "failed" in info:
        raise SystemExit(f"The environment could not be made: {info['failed']}.")
    return python_of(root, name)


def make(root: Path, name: str) -> dict[str, Any]:
    """Make one environment and the one it stands on."""
    wanted = ENVIRONMENTS[name]
    if wanted.base:
        below = info_of(root, wanted.base)
        if "failed" in below:
            return {"failed": f"{wanted.base}: {below['failed']}"}
    python = python_of(root, name)
    print(f"environment {name}: {' '.join(wanted.packages)}", flush=True)
    if not python.is_file():
        venv.create(root / name, with_pip=True)
    if wanted.base:
        seen = packages_of(python_of(root, wanted.base))
        (packages_of(python) / "base.pth").write_text(f"{seen}\n", encoding="utf-8")
    failed = run([python, "-m", "pip", "install", "--quiet", *wanted.packages], PATIENCE)
    if failed:
        return {"failed": f"pip install {' '.join(wanted.packages)}: {failed}"}
    command = [python, HERE / "installed.py", *wanted.counted.split()]
    counted = subprocess.run(command, capture_output=True, text=True, check=True)
    info = json.loads(counted.stdout)
    if wanted.fetch:
        info["fetched"] = run([python, "-c", wanted.fetch], FETCHING) or "all"
    return info


def packages_of(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return Path(answer.stdout.strip())


def run(command: list[Any], patience: float) -> str:
    """Return "" or the last line of what went wrong."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        return f"not done after {patience} s"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode == 0:
        return ""
    wrong = [line for line in lines if line.startswith("ERROR")]
    return (wrong or lines or [f"status {done.returncode}"])[-1][:300]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(ENVIRONMENTS), metavar="NAME")
    parser.add_argument("--environments", type=Path, default=DEFAULT, help=f"({DEFAULT})")
    options = parser.parse_args()
    for name in options.names:
        info = info_of(options.environments.resolve(), name, again=True)
        print(f"{name}: {json.dumps(info)}", flush=True)
        if "failed" in info:
            sys.exit(1)


if __name__ == "__main__":
    main()
