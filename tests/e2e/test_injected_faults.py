"""Some of the faults of `python -m benchmarks.faults`: nothing is lost or doubled, and nothing runs on."""

from __future__ import annotations

from pathlib import Path

import pytest
from counts import cases

from benchmarks.faults import inject

SEED = 11


@pytest.mark.host
@pytest.mark.timeout(900)
def test_faults_by_chance_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    count = cases(20, 10)
    tally = inject(tmp_path / "faults", count, SEED)
    assert tally.faults.total() == count
    assert set(tally.batches) == {"upsample", "words", "prepare"}
    assert tally.clean, tally.text()
