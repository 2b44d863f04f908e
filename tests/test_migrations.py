"""The schema comes from its migrations, once, and keeps what an older one held."""

import subprocess
import sys
from contextlib import closing
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.builders import NOON, NOW, a_correction, after, an_admission, one_of_each_kind
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.mail_rows import text_rows
from triage_cl.adapters.sql.migrate import HEAD, MIGRATIONS, REVISIONS, is_current, migrate, revision_of
from triage_cl.adapters.sql.partitions import ensure_partitions
from triage_cl.adapters.sql.schema import decisions, metadata, month_of, payloads
from triage_cl.adapters.sql.views import VIEWS
from triage_cl.domain.errors import LedgerNotMigrated
from triage_cl.usecases.ledger import Admission


def test_the_revisions_named_are_those_of_the_migrations() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert script.get_heads() == [HEAD]
    assert tuple(revision.revision for revision in script.walk_revisions())[::-1] == REVISIONS


def test_the_migrations_make_the_schema_that_the_code_uses(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_an_empty_database_becomes_a_ledger(empty_url: str) -> None:
    with closing(Ledger(empty_url)) as ledger:
        assert (revision_of(ledger.engine), is_current(ledger.engine)) == (None, False)
        migrate(ledger.engine)
        migrate(ledger.engine)
        assert (revision_of(ledger.engine), is_current(ledger.engine)) == (HEAD, True)
        assert ledger.position() == 0


def admit_at_first_revision(ledger: Ledger, admissions: list[Admission]) -> None:
    """As the first version wrote them, into the tables as they were."""
    was = sa.MetaData()
    with ledger.engine.begin() as connection:
        months = {month_of(admission.decision.decided_at) for admission in admissions}
        ensure_partitions(connection, months, [payloads, decisions])
        was.reflect(connection, only=["emails", "payloads", "decisions"])
        for admission in admissions:
            decision, month = admission.decision, month_of(admission.decision.decided_at)
            email, payload = text_rows(admission.email, month)
            decided = asdict(decision) | {"action": decision.action.value, "drawn": decision.drawn, "month": month}
            for name, row in (("emails", email), ("payloads", payload), ("decisions", decided)):
                columns = {
                    column.name: getattr(metadata.tables[name].c, column.name).type for column in was.tables[name].c
                }
                insert = sa.insert(sa.table(name, *(sa.column(key, kind) for key, kind in columns.items())))
                connection.execute(insert, row | ({} if name == "payloads" else {"position": 0}))


def test_a_ledger_of_the_first_revision_keeps_all_its_data(empty_url: str) -> None:
    with closing(Ledger(empty_url)) as ledger:
        migrate(ledger.engine, to="0001")
        assert revision_of(ledger.engine) == "0001"
        facts = ledger.append(one_of_each_kind(), NOON)
        admissions = [an_admission("mail-1"), an_admission("mail-2", decided_at=after(days=40))]
        admit_at_first_revision(ledger, admissions)
        migrate(ledger.engine)
        assert is_current(ledger.engine)
        assert list(ledger.facts()) == facts
        assert ledger.broken_link() is None
        assert [item.decision for item in ledger.decisions()] == [admission.decision for admission in admissions]
        assert ledger.feed(0, 9) == [(1, admissions[0].decision), (2, admissions[1].decision)]
        assert ledger.admit([an_admission("mail-3")], NOW) == ["mail-3"]
        assert ledger.fed() == 3
        assert ledger.emails(["mail-2"]) == {"mail-2": admissions[1].email}
        with ledger.engine.connect() as connection:
            assert set(sa.inspect(connection).get_view_names()) == set(VIEWS)


def test_a_ledger_of_a_newer_version_is_left_alone(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9001'")
    with pytest.raises(LedgerNotMigrated, match=f"9001; the last that this version knows is {HEAD}"):
        migrate(ledger.engine)
    assert revision_of(ledger.engine) == "9001"


def test_a_migration_that_fails_leaves_nothing(empty_url: str) -> None:
    with closing(Ledger(empty_url)) as ledger:
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE quarantine (mine integer)")
        with pytest.raises(Exception, match="already exists"):
            migrate(ledger.engine)
        with ledger.engine.connect() as connection:
            assert sa.inspect(connection).get_table_names() == ["quarantine"]


def migrate_and_write(url: str, number: int, barrier: Barrier) -> None:
    barrier.wait(60)
    with closing(Ledger(url)) as ledger:
        migrate(ledger.engine)
        ledger.append([a_correction(f"mail-{number}")], NOON)


def test_processes_that_start_at_once_do_not_collide(empty_url: str) -> None:
    spawn = get_context("spawn")
    barrier = spawn.Barrier(5)
    processes = [spawn.Process(target=migrate_and_write, args=(empty_url, number, barrier)) for number in range(5)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 5
    with closing(Ledger(empty_url)) as ledger:
        assert ledger.position() == 5
        assert ledger.broken_link() is None


def test_a_ledger_that_is_current_is_opened_without_alembic(sqlite_url: str) -> None:
    program = f"""
import sys
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
migrate(Ledger({sqlite_url!r}).engine)
print("alembic" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_the_migrations_are_in_the_package_and_import_nothing_of_it() -> None:
    versions = sorted((MIGRATIONS / "versions").glob("r*.py"))
    assert len(versions) == len(REVISIONS)
    assert not [path.name for path in versions if "triage_cl" in Path(path).read_text()]
