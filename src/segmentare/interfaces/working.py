"""What every process but the first runs in a training with several: its share, in silence."""

from __future__ import annotations

from segmentare.interfaces.engine import processes_for
from segmentare.interfaces.training import train_with


def main() -> None:
    """Join the process that started this one, and train what it trains."""
    with processes_for(None) as processes:
        train_with(processes)


if __name__ == "__main__":
    main()
