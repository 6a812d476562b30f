"""Reading ahead and writing behind keep the order and lose no error."""

import threading
import time

import pytest

from segmentare.prediction.pipeline import WriteBehind, iterate_ahead, read_ahead


def test_items_are_read_ahead_in_order():
    read, first = [], threading.Event()

    def load(item):
        read.append(item)
        if len(read) == 3:
            first.set()
        return 10 * item

    found = []
    for item, future in read_ahead(range(6), load):
        if not found:
            assert first.wait(5)  # two more are read while the first is in work
        found.append((item, future.result()))
    assert found == [(i, 10 * i) for i in range(6)]
    assert read == list(range(6))


def test_an_item_that_cannot_be_read_spoils_no_other():
    def load(item):
        if item == 1:
            raise ValueError("broken")
        return item

    futures = dict(read_ahead(range(3), load))
    assert [futures[0].result(), futures[2].result()] == [0, 2]
    with pytest.raises(ValueError, match="broken"):
        futures[1].result()


def test_nothing_more_is_read_after_a_stop():
    read = []
    for item, _ in read_ahead(range(1000), read.append):
        if item == 2:
            break
    assert len(read) <= 6


def test_results_come_in_order_and_all_of_them():
    taken = []
    with WriteBehind(taken.append) as behind:
        for number in range(5):
            behind.submit(lambda number=number: (time.sleep(0.01 * (5 - number)), number)[1])
    assert taken == list(range(5))


def test_what_a_writer_raises_is_raised():
    def fail():
        raise OSError("full")

    with pytest.raises(OSError, match="full"), WriteBehind(print) as behind:
        behind.submit(fail)


def test_an_error_of_the_caller_is_not_hidden_and_what_was_written_counts():
    taken = []

    def work():
        with WriteBehind(taken.append) as behind:
            behind.submit(lambda: 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert taken == [1]


def test_an_iterator_is_advanced_while_its_items_are_used():
    advanced, behind = [], threading.Event()

    def count():
        for number in range(6):
            advanced.append(number)
            if number == 1:
                behind.set()
            yield number

    seen = []
    for number in iterate_ahead(count()):
        if number == 0:
            assert behind.wait(30)  # it never comes where items are fetched one by one
        seen.append(number)
        assert len(advanced) <= number + 4  # no more than are needed are kept
    assert seen == list(range(6))
    assert list(iterate_ahead(iter(()))) == []


def test_what_an_iterator_raises_comes_in_its_place():
    def count():
        yield 0
        yield 1
        raise ValueError("the third")

    items = iterate_ahead(count())
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(items)
