"""Reading views that know whose answers count, what was said at second looks, and which team is whose.

`{kind fact.field}` stands for a field of a fact's body as a value of that kind; `moment` and `deadline` are to be
compared. A correction counts unless it was withheld or its reviewer was taken out since before it.
"""

import re

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

GONE = ("triage_lessons", "triage_decisions", "triage_corrections", "triage_departments")

VIEWS = {
    "triage_taken_out": """
        SELECT position, at, subject AS reviewer, {time facts.since_at} AS since_at, {text facts.reasons} AS reasons
        FROM facts WHERE kind = 'reviewer-taken-out' AND position = (
            SELECT MAX(later.position) FROM facts later
            WHERE later.kind IN ('reviewer-taken-out', 'reviewer-reinstated') AND later.subject = facts.subject
        )""",
    "triage_corrections": """
        SELECT facts.position, facts.at, facts.subject AS email_id, {text facts.department} AS department,
            {text facts.source} AS source, {text facts.origin} AS origin, {truth facts.blind} AS blind,
            {text facts.reviewer} AS reviewer, {time facts.answered_at} AS answered_at,
            COALESCE({truth facts.withheld}, FALSE) AS withheld,
            NOT COALESCE({truth facts.withheld}, FALSE) AND NOT EXISTS (
                SELECT 1 FROM triage_taken_out gone
                WHERE gone.reviewer = {text facts.reviewer}
                    AND (gone.since_at IS NULL OR gone.since_at <= {time facts.answered_at})
            ) AS counts
        FROM facts WHERE facts.kind = 'correction'""",
    "triage_lessons": """
        SELECT position, at, email_id, department, source, answered_at
        FROM triage_corrections WHERE department IS NOT NULL AND counts AND position = (
            SELECT MAX(later.position) FROM triage_corrections later
            WHERE later.counts AND later.email_id = triage_corrections.email_id
        )""",
    "triage_decisions": """
        SELECT d.email_id, e.received_at, e.length, d.decided_at, d.version, d.department, d.confidence, d.margin,
            d.unseen, d.action, d.review_probability, d.draw, d.drawn, d.blind, d.disputed, d.through, d.as_of,
            d.position, answer.position AS answer_position, {time answer.answered_at} AS answered_at,
            {text answer.department} AS answer,
            CASE WHEN {text answer.department} IS NOT NULL
                THEN COALESCE(d.department = {text answer.department}, FALSE) END AS correct
        FROM decisions d
        JOIN emails e ON e.id = d.email_id
        LEFT JOIN (
            SELECT facts.subject, MAX(facts.position) AS position
            FROM facts
            JOIN decisions asked ON asked.email_id = facts.subject AND asked.drawn
            JOIN triage_corrections counted ON counted.position = facts.position AND counted.counts
            WHERE {text facts.source} = 'review' AND {moment facts.answered_at} <= {deadline asked.decided_at}
            GROUP BY facts.subject
        ) settled ON settled.subject = d.email_id
        LEFT JOIN facts answer ON answer.position = settled.position""",
    "triage_opinions": """
        SELECT position, at, subject AS look_id, {text facts.email_id} AS email_id, {text facts.purpose} AS purpose,
            {text facts.department} AS department, {text facts.reviewer} AS reviewer,
            {time facts.answered_at} AS answered_at
        FROM facts WHERE kind = 'opinion'""",
    "triage_departments": """
        SELECT position, at, replace(kind, 'department-', '') AS change, subject AS department,
            {text facts.name} AS name, {text facts.into} AS merged_into, {text facts.parts} AS split_into,
            COALESCE({text facts.parent}, {text facts.under}) AS under
        FROM facts WHERE kind LIKE 'department-%'""",
}

TIME = "timestamp with time zone"
FIELD = re.compile(r"\{(text|truth|time|moment) (facts|answer)\.([a-z_]+)\}")
DEADLINE = re.compile(r"\{deadline ([a-z_.]+)\}")


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    field = {"postgresql": _postgresql_field, "sqlite": _sqlite_field}[dialect]
    # In hours: in some time zones a day is not always 24 of them.
    deadline = {
        "postgresql": r"\1 + INTERVAL '120 hours'",
        "sqlite": r"strftime('%Y-%m-%d %H:%M:%f', \1, '+120 hours')",
    }[dialect]
    for name in GONE:
        op.execute(f"DROP VIEW {name}")
    for name, select in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {FIELD.sub(field, DEADLINE.sub(deadline, select))}")


def _postgresql_field(found: re.Match[str]) -> str:
    kind, fact, name = found.groups()
    kinds = {"truth": "boolean", "time": TIME, "moment": TIME}
    text = f"{fact}.body #>> '{{{name}}}'"
    return f"CAST({text} AS {kinds[kind]})" if kind in kinds else f"({text})"


def _sqlite_field(found: re.Match[str]) -> str:
    kind, fact, name = found.groups()
    value = f"json_extract({fact}.body, '$.{name}')"
    kinds = {
        "time": f"replace(replace({value}, 'T', ' '), '+00:00', '')",
        "moment": f"strftime('%Y-%m-%d %H:%M:%f', {value})",
    }
    return kinds.get(kind, value)
