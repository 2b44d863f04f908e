"""The same lessons give the same bits: whatever the process, its hash seed, its threads and its processor."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.ten_thousand_lessons import FINGERPRINT, KEY, MAIL, Lesson, digest_of, folded, lessons
from triage_cl.learning.hashing import describe
from triage_cl.learning.learner import Learner

ROOT = Path(__file__).parents[1]

#: glibc's and OpenBLAS's routines for an old processor.
OLD_C_LIBRARY = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4"}
OLD_BLAS = {"OPENBLAS_CORETYPE": "Nehalem"}
ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
MANY_THREADS = {"NUMBA_NUM_THREADS": "4", "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}


@pytest.fixture(scope="module")
def stream() -> list[Lesson]:
    return lessons()


@pytest.fixture(scope="module")
def learner(stream: list[Lesson]) -> Learner:
    return folded(stream)


def told_elsewhere(environment: dict[str, str], threads: int = 1) -> dict[str, object]:
    """What a fresh process comes to, in which so many threads fold at once."""
    command = [sys.executable, "-m", "tests.ten_thousand_lessons", str(threads)]
    ran = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    told: dict[str, object] = json.loads(ran.stdout)
    return told


EXPECTED = {"mail": MAIL, "fingerprints": [FINGERPRINT]}


def test_the_mail_is_the_same_everywhere(stream: list[Lesson]) -> None:
    assert digest_of(stream) == MAIL


def test_ten_thousand_lessons_have_the_committed_fingerprint(learner: Learner) -> None:
    assert learner.fingerprint() == FINGERPRINT


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        pytest.param({"PYTHONHASHSEED": "0"} | ONE_THREAD, 1, id="one hash seed, one thread"),
        pytest.param({"PYTHONHASHSEED": "1"} | MANY_THREADS, 3, id="another hash seed, many threads"),
        pytest.param(OLD_C_LIBRARY, 1, id="the C library of an old processor"),
        pytest.param(OLD_BLAS, 1, id="the linear algebra of an old processor"),
    ],
)
def test_another_process_comes_to_the_same_bits(environment: dict[str, str], threads: int) -> None:
    assert told_elsewhere(environment, threads) == EXPECTED


def test_kernels_compiled_for_any_processor_come_to_the_same_bits(tmp_path: Path) -> None:
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONHASHSEED": "2"}
    assert told_elsewhere(plain | OLD_C_LIBRARY | OLD_BLAS) == EXPECTED


def test_predicting_from_other_threads_changes_nothing(stream: list[Lesson], learner: Learner) -> None:
    features = [describe(KEY, text) for text, _ in stream[:500]]
    before = learner.probabilities(features).tobytes()
    done, seen = threading.Event(), list[bytes]()

    def predict() -> None:
        while not done.is_set():
            seen.append(learner.probabilities(features).tobytes())

    askers = [threading.Thread(target=predict) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        other = folded(stream)
    finally:
        done.set()
        for asker in askers:
            asker.join()
    assert other.fingerprint() == learner.fingerprint()
    assert set(seen) == {before}


def test_batches_of_any_size_come_to_the_bits_of_single_mails(stream: list[Lesson], learner: Learner) -> None:
    features = [describe(KEY, text) for text, _ in stream[-300:]]
    alone = b"".join(learner.probabilities([each]).tobytes() for each in features)
    for size in (7, 300):
        batches = (features[start : start + size] for start in range(0, len(features), size))
        assert b"".join(learner.probabilities(batch).tobytes() for batch in batches) == alone
