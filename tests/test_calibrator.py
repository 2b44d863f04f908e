"""What a machine's speed is measured with; how fast this one is, is nobody's test."""

from itertools import count
from pathlib import Path

import pytest

from triage_cl.adapters.calibrator import calibrate
from triage_cl.domain.errors import BadInput


def test_both_rates_follow_the_clock(tmp_path: Path) -> None:
    ticking = count()
    measured = calibrate(tmp_path, seconds=5, clock=lambda: float(next(ticking)))
    assert measured == {"cpu_loops_per_second": 20_000, "fsyncs_per_second": 1}


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    assert min(calibrate(tmp_path, seconds=0.001).values()) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        calibrate(tmp_path / "nowhere", seconds=0.001)
