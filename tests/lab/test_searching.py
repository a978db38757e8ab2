from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.lab.searching import Search, bisect, doubling


def run(search: Search, boundary: int) -> tuple[int, list[int]]:
    """What it finds, and what it tried on the way."""
    tried = [next(search)]
    try:
        while True:
            tried.append(search.send(tried[-1] <= boundary))
    except StopIteration as end:
        return end.value, tried


@pytest.mark.parametrize("search", [bisect, doubling])
@given(most=st.integers(1, 5000), boundary=st.integers(0, 6000))
def test_the_boundary_is_found_and_both_of_its_sides_are_tried(search: object, most: int, boundary: int) -> None:
    result, tried = run(search(most), boundary)  # type: ignore[operator]
    assert result == min(boundary, most)
    assert len(tried) == len(set(tried))
    assert all(1 <= value <= most for value in tried)
    assert result in tried or result == 0
    assert result == most or result + 1 in tried


@given(boundary=st.integers(0, 1024))
def test_bisection_takes_ten_steps_of_a_thousand(boundary: int) -> None:
    assert len(run(bisect(1024), boundary)[1]) <= 11


@given(boundary=st.integers(1, 64))
def test_doubling_goes_no_further_than_twice_the_boundary(boundary: int) -> None:
    """A batch that is far too large costs much."""
    assert max(run(doubling(1000), boundary)[1]) <= 2 * boundary
