"""Files dealt out to tasks: all of them once, none with too much, small tasks last, giants alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classically_punk.spark.packing import LEAST, MOST, OF_A_FILE, Packing, packing


def dealt(sizes: list[int], cores: int, most_files: int = 256) -> tuple[Packing, np.ndarray, np.ndarray]:
    """The same by hand: weights, heaviest first, and the task of each."""
    weights = np.sort(np.clip(np.asarray(sizes, dtype=float) + OF_A_FILE, MOST / most_files, MOST))[::-1]
    how = packing(len(sizes), float(weights.sum()), cores, most_files)
    return how, weights, how.task_of(np.cumsum(weights) - weights / 2)


@given(
    st.lists(st.integers(0, 3 << 30), max_size=300),
    st.integers(1, 64),
    st.sampled_from([1, 2, 8, 256]),
)
def test_every_file_has_one_task_and_no_task_takes_much_more_than_its_share(
    sizes: list[int], cores: int, most_files: int
) -> None:
    how, weights, tasks = dealt(sizes, cores, most_files)
    assert how.files == len(sizes)
    assert tasks.size == len(sizes)
    assert how.tasks >= 1
    assert (np.diff(tasks) >= 0).all()
    assert ((tasks >= 0) & (tasks < how.tasks)).all()
    for task in np.unique(tasks):
        mine = weights[tasks == task]
        # what reaches over both ends is less than half a file each
        assert mine.sum() <= MOST + mine.max() or mine.size == 1
        assert mine.size <= most_files + 1


def test_a_giant_holds_no_task_of_short_ones() -> None:
    how, weights, tasks = dealt([1 << 30] * 3 + [130_000] * 5_000, cores=2)
    assert [np.count_nonzero(tasks == task) for task in tasks[:3]] == [1, 1, 1]
    assert tasks[:3].tolist() == [0, 1, 2]  # and is begun first
    assert weights[0] == MOST
    assert how.share(3) == 3 * MOST / weights.sum()


def test_tasks_become_smaller_so_that_cores_finish_together() -> None:
    how, weights, tasks = dealt([1_300_000] * 2_000, cores=2)
    of_tasks = np.bincount(tasks, weights=weights, minlength=how.tasks)
    assert of_tasks[0] > 0.9 * MOST
    assert of_tasks[-1] <= LEAST + weights[0]
    # one core after the other takes the next task; what they wait for each other at the end is little
    clocks = [0.0, 0.0]
    for weight in of_tasks:
        clocks[clocks.index(min(clocks))] += weight
    assert sum(clocks) / (2 * max(clocks)) > 0.995
    assert how.tasks < 2_000 / 20


def test_shares_of_finished_tasks_grow_to_one() -> None:
    how = packing(10, 100.0 * MOST, cores=4, most_files=256)
    shares = [how.share(done) for done in range(how.tasks + 2)]
    assert shares[0] == 0
    assert shares[-1] == shares[-2] == 1
    assert shares == sorted(shares)


def test_nothing_is_one_empty_task() -> None:
    how = packing(0, 0.0, cores=2, most_files=256)
    assert (how.tasks, how.share(1)) == (1, 1.0)
    assert how.task_of([]).size == 0
