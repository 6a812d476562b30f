"""What every process but the first runs in a training with several: its share, in silence."""

from __future__ import annotations

from segmentare.interfaces.training import WORKER, train_with
from segmentare.training.processes import together


def main() -> None:
    """Join the process that started this one, and train what it trains."""
    with together(None, WORKER) as processes:
        train_with(processes)


if __name__ == "__main__":
    main()
