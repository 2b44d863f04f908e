"""The reading views, and their export as Parquet for whatever reads that: Python, R, Spark.

A view holds no text and no sender: an exported file outlives an erasure. The `answer` to a decision, by which it is
`correct` or not, is the last that a reviewer gave within five days, whatever `answer_days` says.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from triage_cl.adapters.atomic_file import atomic_file
from triage_cl.adapters.sql.engine import reading
from triage_cl.adapters.sql.schema import UtcDateTime

#: How many rows are in memory at once.
BATCH = 10_000

#: A kind of column, in the database and in Parquet.
KINDS: dict[str, tuple[TypeEngine[Any], pa.DataType]] = {
    "text": (sa.String(), pa.string()),
    "time": (UtcDateTime(), pa.timestamp("us", tz="UTC")),
    "truth": (sa.Boolean(), pa.bool_()),
    "whole": (sa.BigInteger(), pa.int64()),
    "real": (sa.Double(), pa.float64()),
}

#: Each view's columns and their kinds; it is sorted by the first. Lists (reasons, measures, split_into) are JSON.
_COLUMNS = {
    "triage_emails": "email_id text, received_at time, length whole, position whole, text_kept truth, redaction whole",
    "triage_decisions": (
        "email_id text, received_at time, length whole, decided_at time, version text, department text, "
        "confidence real, margin real, unseen real, action text, review_probability real, draw real, drawn truth, "
        "blind truth, disputed truth, through whole, as_of whole, position whole, "
        "answer_position whole, answered_at time, answer text, correct truth"
    ),
    "triage_corrections": (
        "position whole, at time, email_id text, department text, source text, origin text, blind truth, "
        "reviewer text, answered_at time, withheld truth, counts truth"
    ),
    "triage_opinions": (
        "position whole, at time, look_id text, email_id text, purpose text, department text, reviewer text, "
        "answered_at time"
    ),
    "triage_taken_out": "position whole, at time, reviewer text, since_at time, reasons text",
    "triage_lessons": "position whole, at time, email_id text, department text, source text, answered_at time",
    "triage_departments": (
        "position whole, at time, change text, department text, name text, merged_into text, split_into text, "
        "under text"
    ),
    "triage_model_versions": (
        "position whole, at time, version text, recipe text, start whole, entry whole, through whole, as_of whole, "
        "lessons whole, fingerprint text, reasons text"
    ),
    "triage_promotions": (
        "position whole, at time, alias text, version text, previous text, reasons text, decided_by text"
    ),
    "triage_judgements": (
        "position whole, at time, champion text, challenger text, verdict text, reasons text, answered whole, "
        "mails whole, e_value real, gain real, gain_low real, gain_high real"
    ),
    "triage_drift": (
        "position whole, at time, verdict text, reasons text, measures text, reference_from text, reference_to text, "
        "current_from text, current_to text, report text"
    ),
}

VIEWS = tuple(_COLUMNS)


def columns_of(view: str) -> dict[str, str]:
    """The view's columns in order, with the kind of each."""
    return {name: kind for name, _, kind in (column.partition(" ") for column in _COLUMNS[view].split(", "))}


def export_views(engine: sa.Engine, folder: Path) -> dict[str, int]:
    """Write each view to `folder`/<view>.parquet, all of one state of the ledger; the rows of each.

    Times are UTC with microseconds. A file is replaced when its new content is complete. Raises NoSpace or BadInput
    if a file cannot be written.
    """
    with reading(engine) as connection:
        return {view: _export(connection, view, folder / f"{view}.parquet") for view in VIEWS}


def _export(connection: sa.Connection, view: str, path: Path) -> int:
    columns = {name: KINDS[kind] for name, kind in columns_of(view).items()}
    schema = pa.schema([(name, arrow) for name, (_, arrow) in columns.items()])
    source = sa.table(view, *(sa.column(name, stored) for name, (stored, _) in columns.items()))
    wanted = sa.select(source).order_by(next(iter(source.c)))
    rows = 0
    with (
        atomic_file(path) as file,
        pq.ParquetWriter(file, schema) as parquet,
        connection.execute(wanted, execution_options={"yield_per": BATCH}) as found,
    ):
        for page in found.partitions():
            values = [
                pa.array(column, field.type) for column, field in zip(zip(*page, strict=True), schema, strict=True)
            ]
            parquet.write_batch(pa.record_batch(values, schema=schema))
            rows += len(page)
    return rows
