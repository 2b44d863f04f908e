"""How fast SQLite alone takes batches of mail: what the service is measured against."""

import sqlite3
from contextlib import closing
from pathlib import Path
from time import perf_counter

MAIL = "CREATE TABLE mail (id TEXT PRIMARY KEY, received_at TEXT, sender TEXT, subject TEXT, body TEXT)"
INSERT = "INSERT INTO mail VALUES (:id, :received_at, :sender, :subject, :body)"


def mails_per_second(folder: Path, rows: list[dict[str, str]], batch: int, seconds: float) -> float:
    """Mails a second that go into one table with one index, `batch` in a transaction that is synced to disk.

    The same pragmas as the ledger's, one statement a batch, nothing parsed, redacted, decided or answered. `rows` have
    id, received_at, sender, subject and body; they are used again under other ids. The file is gone afterwards.
    """
    path = folder / "bare.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}").close()
        connection.execute(MAIL)
        done = 0
        started = perf_counter()
        while (passed := perf_counter() - started) < seconds:
            numbers = range(done, done + batch)
            taken = [rows[number % len(rows)] | {"id": f"{number:x}"} for number in numbers]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, taken)
            connection.execute("COMMIT")
            done += batch
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return done / passed
