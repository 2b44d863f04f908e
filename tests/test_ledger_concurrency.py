"""Several processes write one ledger at once, and some of them die: nothing acknowledged is lost, and order holds."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import NOON, NOW, a_correction, after, an_admission
from triage_cl.adapters.sql.engine import writing
from triage_cl.adapters.sql.fact_rows import append_facts
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import DepartmentAdded

#: How long processes share one SQLite file; the promise is made for a minute.
SECONDS = float(os.environ.get("TRIAGE_TEST_SECONDS", "60"))

#: How long anybody may take to end before the test gives up.
PATIENCE = 120

spawn = get_context("spawn")


@contextmanager
def started(*calls: tuple[Callable[..., None], *tuple[object, ...]]) -> Iterator[list[BaseProcess]]:
    """Processes that run these calls; they end well before the block does."""
    processes: list[BaseProcess] = [spawn.Process(target=call[0], args=call[1:], daemon=True) for call in calls]
    try:
        for process in processes:
            process.start()
        yield processes
        for process in processes:
            process.join(SECONDS + PATIENCE)
        assert [process.exitcode for process in processes] == [0] * len(processes)
    finally:
        for process in processes:
            process.kill()


def tell(path: Path, told: object) -> None:
    path.write_text(json.dumps(told))


class RolledBack(Exception):
    pass


# A reader follows positions


def write_now_and_then(url: str, name: str, path: Path) -> None:
    """Commit late or not at all, both in the ledger and in a table whose ids come from a sequence."""
    ledger, chance, committed = Ledger(url), random.Random(name), []
    for number in range(30):
        answer = a_correction(f"{name}-{number}")
        rolls_back = chance.random() < 0.25
        try:
            with writing(ledger.engine) as connection:
                connection.exec_driver_sql("INSERT INTO sequenced (answer) VALUES (%s)", (answer.email_id,))
                time.sleep(chance.random() / 50)
                if rolls_back:
                    raise RolledBack
        except RolledBack:
            pass
        try:
            with writing(ledger.engine) as connection:
                append_facts(connection, [answer], NOON)
                time.sleep(chance.random() / 100)
                if rolls_back:
                    raise RolledBack
            committed.append(answer.email_id)
        except RolledBack:
            pass
    tell(path, committed)


@pytest.mark.integration
def test_a_reader_who_follows_positions_misses_nothing_and_meets_no_gap(
    postgresql_ledger: Ledger, postgresql_url: str, tmp_path: Path
) -> None:
    ledger = postgresql_ledger
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE sequenced (id bigint GENERATED ALWAYS AS IDENTITY, answer text)")
    names = [f"writer-{number}" for number in range(8)]
    read: list[tuple[int, str]] = []
    control: list[tuple[int, str]] = []
    with started(*((write_now_and_then, postgresql_url, name, tmp_path / name) for name in names)) as writers:
        alive = True
        while alive:
            alive = any(writer.is_alive() for writer in writers)
            for recorded in ledger.facts(after=read[-1][0] if read else 0):
                assert isinstance(recorded.fact, Correction)
                read.append((recorded.position, recorded.fact.email_id))
            with ledger.engine.begin() as connection:
                last = control[-1][0] if control else 0
                wanted = f"SELECT id, answer FROM sequenced WHERE id > {last} ORDER BY id"
                control += [(id, answer) for id, answer in connection.exec_driver_sql(wanted)]
            time.sleep(0.005)
    committed = {email_id for name in names for email_id in json.loads((tmp_path / name).read_text())}
    assert [position for position, _ in read] == list(range(1, len(committed) + 1))
    assert {email_id for _, email_id in read} == committed
    assert ledger.broken_link() is None
    # The same writers, followed by a sequence's numbers: gaps where somebody rolled back, and rows never seen.
    with ledger.engine.begin() as connection:
        there = connection.exec_driver_sql("SELECT count(*) FROM sequenced").scalar_one()
    assert len(control) < there or control[-1][0] > there


# One SQLite file


def use_for_a_while(url: str, name: str, seconds: float, path: Path) -> None:
    """Write and read all the time; remember what was acknowledged."""
    ledger, end, answered, admitted = Ledger(url), time.monotonic() + seconds, [], []
    number = 0
    while time.monotonic() < end:
        number += 1
        ids = [f"{name}-{number}-{mail}" for mail in range(5)]
        admitted += ledger.admit([an_admission(id, review_probability=0.6) for id in ids], NOW) or []
        assert len(ledger.append([a_correction(ids[0])], NOON)) == 1
        answered.append(ids[0])
        ledger.published({ids[0]: f"task-{name}"}, NOON)
        assert ledger.emails(ids).keys() == set(ids)
        assert ledger.position() >= number
    tell(path, [answered, admitted])


def test_four_processes_write_to_one_sqlite_file_and_none_is_turned_away(
    sqlite_ledger: Ledger, sqlite_url: str, tmp_path: Path
) -> None:
    ledger = sqlite_ledger
    names = [f"process-{number}" for number in range(4)]
    with started(*((use_for_a_while, sqlite_url, name, SECONDS, tmp_path / name) for name in names)):
        pass
    told = [json.loads((tmp_path / name).read_text()) for name in names]
    answered = {id for answers, _ in told for id in answers}
    admitted = {id for _, mails in told for id in mails}
    assert min(len(answers) for answers, _ in told) > 0
    assert {recorded.fact.email_id for recorded in ledger.facts() if isinstance(recorded.fact, Correction)} == answered
    assert ledger.position() == len(answered)
    assert ledger.broken_link() is None
    assert ledger.known(sorted(admitted)) == admitted
    assert ledger.spending()[0] == len(admitted) == 5 * len(answered)


# Several on one ledger


def admit_shuffled(url: str, seed: int, barrier: Barrier, path: Path) -> None:
    ledger, chance = Ledger(url), random.Random(seed)
    ids = [f"mail-{number}" for number in range(300)]
    chance.shuffle(ids)
    barrier.wait(PATIENCE)
    new = []
    for start in range(0, len(ids), 20):
        new += ledger.admit([an_admission(id, agreeing=("other",)) for id in ids[start : start + 20]], NOW) or []
    tell(path, new)


def test_the_same_mail_admitted_by_several_processes_is_one(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"told-{number}" for number in range(3)]
    barrier = spawn.Barrier(len(paths))
    with started(*((admit_shuffled, ledger_url, seed, barrier, path) for seed, path in enumerate(paths))):
        pass
    new = [id for path in paths for id in json.loads(path.read_text())]
    assert sorted(new) == sorted(f"mail-{number}" for number in range(300))
    assert ledger.spending()[0] == 300
    assert ledger.agreements("hashed-ensemble", "other") == {NOON.date(): 300}


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    def write(number: int) -> list[str]:
        ledger.append([a_correction(f"mail-{number}")], NOON)
        ledger.append([a_correction("everybody's")], NOON)
        return ledger.admit([an_admission(f"mail-{number}"), an_admission("everybody's")], NOW) or []

    with ThreadPoolExecutor(8) as pool:
        new = [id for ids in pool.map(write, range(40)) for id in ids]
    assert sorted(new) == sorted(["everybody's", *(f"mail-{number}" for number in range(40))])
    assert ledger.position() == 41
    assert ledger.broken_link() is None


def admit_under_changing_rules(url: str, name: str, done: Event, path: Path) -> None:
    """Decide under what is known, a moment late; remember how often that was accepted, and how often refused."""
    ledger, chance, outcomes, number = Ledger(url), random.Random(name), [0, 0], 0
    while not done.is_set():
        number += 1
        under = ledger.position()
        time.sleep(chance.random() / 200)
        admitted = ledger.admit([an_admission(f"{name}-{number}", through=under)], decided_under=under)
        outcomes[admitted is None] += 1
    tell(path, outcomes)


@pytest.mark.integration
def test_no_group_is_stored_after_the_rules_that_it_was_decided_under(
    postgresql_ledger: Ledger, postgresql_url: str, tmp_path: Path
) -> None:
    ledger, chance, done = postgresql_ledger, random.Random(5), spawn.Event()
    names = [f"writer-{number}" for number in range(4)]
    with started(*((admit_under_changing_rules, postgresql_url, name, done, tmp_path / name) for name in names)):
        while ledger.spending()[0] < 4:
            time.sleep(0.05)
        for number in range(60):
            ledger.append([DepartmentAdded(f"new-{number}", "New"), a_correction(f"mail-{number}")], NOON)
            time.sleep(chance.random() / 50)
        done.set()
    outcomes = [json.loads((tmp_path / name).read_text()) for name in names]
    # The server knows when each row was committed.
    late = """
        SELECT count(*) FROM decisions d JOIN facts f ON f.kind = 'department-added' AND f.position > d.through
        WHERE pg_xact_commit_timestamp(f.xmin) <= pg_xact_commit_timestamp(d.xmin)"""
    with ledger.engine.begin() as connection:
        assert connection.exec_driver_sql(late).scalar_one() == 0
    accepted, refused = (sum(counts) for counts in zip(*outcomes, strict=True))
    assert min(accepted, refused) > 0


def admit_in_every_month(url: str, name: str, barrier: Barrier) -> None:
    ledger = Ledger(url)
    barrier.wait(PATIENCE)
    for days in range(0, 360, 15):
        ledger.admit([an_admission(f"{name}-{days}", decided_at=after(days=days))], NOW)
        assert any(item.decision.decided_at == after(days=days) for item in ledger.decisions())


@pytest.mark.integration
def test_concurrent_writers_make_each_month_s_partition_once(postgresql_ledger: Ledger, postgresql_url: str) -> None:
    barrier = spawn.Barrier(4)
    with started(*((admit_in_every_month, postgresql_url, f"writer-{number}", barrier) for number in range(4))):
        pass
    ledger = postgresql_ledger
    decided = [item.decision.decided_at for item in ledger.decisions()]
    assert len(decided) == 4 * 24
    for table in ("payloads", "decisions"):
        with ledger.engine.begin() as connection:
            rows = connection.execute(sa.text(f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1"))
            found = dict(rows.all())
        months = [f"{table}_{at:%Y%m}" for at in decided]
        assert found == {month: months.count(month) for month in months}


# Processes that die


def answer_until_killed(url: str, name: str, acknowledged: Connection) -> None:
    ledger, number = Ledger(url), 0
    while True:
        number += 1
        ids = [f"{name}-{number}-{mail}" for mail in range(3)]
        ledger.append([a_correction(id) for id in ids], NOON)
        ledger.admit([an_admission(id) for id in ids], NOW)
        acknowledged.send(ids)


def test_a_writer_killed_at_any_moment_leaves_all_it_acknowledged(ledger: Ledger, ledger_url: str) -> None:
    chance, acknowledged = random.Random(11), set[str]()
    for life in range(4):
        here, there = spawn.Pipe(duplex=False)
        writer = spawn.Process(target=answer_until_killed, args=(ledger_url, f"life-{life}", there), daemon=True)
        writer.start()
        there.close()
        for _ in range(chance.randrange(1, 60)):
            acknowledged |= set(here.recv())
        time.sleep(chance.random() / 100)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join(PATIENCE)
        while here.poll():
            try:
                acknowledged |= set(here.recv())
            except EOFError:
                break
        here.close()
        assert writer.exitcode == -signal.SIGKILL
        answered = [recorded.fact for recorded in ledger.facts()]
        assert acknowledged <= {fact.email_id for fact in answered if isinstance(fact, Correction)}
        assert acknowledged <= ledger.known(sorted(acknowledged))
        assert len(answered) - len(acknowledged) <= 3 * (life + 1)
        assert len(answered) % 3 == 0
        assert ledger.broken_link() is None
