"""Processes of one machine tell each other numbers through shared memory."""

import threading
import time

import pytest
import torch
from torch import distributed

from segmentare.training.neighbors import Neighbors

pytestmark = pytest.mark.skipif(not Neighbors.possible(), reason="needs Linux on x86")
COUNT, MOST = 3, 8


@pytest.fixture
def neighbors():
    """Three that share memory whose file is gone, as in a training."""
    path = Neighbors.new_file(Neighbors.room(COUNT, MOST))
    made = [Neighbors(rank, COUNT, path, MOST, lambda: "") for rank in range(COUNT)]
    path.unlink()
    return made


def test_each_learns_what_all_gave_in_every_turn(neighbors):
    """Threads stand for processes; some are late, and messages differ in shape."""
    heard = [[] for _ in neighbors]

    def talk(rank):
        for turn in range(200):
            if turn % 37 == rank:
                time.sleep(0.003)
            shape = (2, 1 + turn % 4)
            heard[rank].append(neighbors[rank].gather(torch.full(shape, 100.0 * turn + rank)))

    threads = [threading.Thread(target=talk, args=(rank,)) for rank in range(COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for turn in range(200):
        for rank in range(COUNT):
            found = heard[rank][turn]
            assert found.shape == (COUNT, 2, 1 + turn % 4)
            assert (found == 100.0 * turn + torch.arange(COUNT)[:, None, None]).all()


def test_whoever_waits_for_one_that_ended_is_told():
    path = Neighbors.new_file(Neighbors.room(2, MOST))
    alone = Neighbors(0, 2, path, MOST, lambda: "process 2 ended.")
    path.unlink()
    with pytest.raises(distributed.DistError, match=r"process 2 ended\."):
        alone.gather(torch.zeros(2, 3))
