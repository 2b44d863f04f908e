"""Reading views, apart from the writing side: one row is one thing that a reader asks for.

`{kind fact.field}` stands for a field of a fact's body as a value of that kind; a number picks from a list. The answer
to a decision is the last that a reviewer gave within five days of it; `moment` and `deadline` are to be compared.
"""

import re

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VIEWS = {
    "triage_emails": """
        SELECT e.id AS email_id, e.received_at, e.length, e.position,
            p.email_id IS NOT NULL AS text_kept, p.redaction
        FROM emails e LEFT JOIN payloads p ON p.email_id = e.id AND p.month = e.month""",
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
            FROM facts JOIN decisions asked ON asked.email_id = facts.subject AND asked.drawn
            WHERE facts.kind = 'correction' AND {text facts.source} = 'review'
                AND {moment facts.answered_at} <= {deadline asked.decided_at}
            GROUP BY facts.subject
        ) settled ON settled.subject = d.email_id
        LEFT JOIN facts answer ON answer.position = settled.position""",
    "triage_corrections": """
        SELECT position, at, subject AS email_id, {text facts.department} AS department, {text facts.source} AS source,
            {text facts.origin} AS origin, {truth facts.blind} AS blind, {text facts.reviewer} AS reviewer,
            {time facts.answered_at} AS answered_at
        FROM facts WHERE kind = 'correction'""",
    "triage_lessons": """
        SELECT position, at, email_id, department, source, answered_at
        FROM triage_corrections WHERE department IS NOT NULL AND position = (
            SELECT MAX(later.position) FROM facts later
            WHERE later.kind = 'correction' AND later.subject = triage_corrections.email_id
        )""",
    "triage_departments": """
        SELECT position, at, replace(kind, 'department-', '') AS change, subject AS department,
            {text facts.name} AS name, {text facts.into} AS merged_into, {text facts.parts} AS split_into
        FROM facts WHERE kind LIKE 'department-%'""",
    "triage_model_versions": """
        SELECT position, at, subject AS version, {text facts.recipe} AS recipe, {whole facts.start} AS start,
            {whole facts.entry} AS entry, {whole facts.through} AS through, {whole facts.as_of} AS as_of,
            {whole facts.lessons} AS lessons, {text facts.fingerprint} AS fingerprint, {text facts.reasons} AS reasons
        FROM facts WHERE kind = 'model-version'""",
    "triage_promotions": """
        SELECT position, at, subject AS alias, {text facts.version} AS version, {text facts.previous} AS previous,
            {text facts.reasons} AS reasons, {text facts.decided_by} AS decided_by
        FROM facts WHERE kind = 'alias-moved'""",
    "triage_judgements": """
        SELECT position, at, {text facts.champion} AS champion, subject AS challenger, {text facts.verdict} AS verdict,
            {text facts.reasons} AS reasons, {whole facts.answered} AS answered, {whole facts.mails} AS mails,
            {real facts.e_value} AS e_value, {real facts.gain} AS gain, {real facts.gain_low} AS gain_low,
            {real facts.gain_high} AS gain_high
        FROM facts WHERE kind = 'judgement'""",
    "triage_drift": """
        SELECT position, at, {text facts.verdict} AS verdict, {text facts.reasons} AS reasons,
            {text facts.measures} AS measures, {text facts.reference.0} AS reference_from,
            {text facts.reference.1} AS reference_to, {text facts.current.0} AS current_from,
            {text facts.current.1} AS current_to, {text facts.report} AS report
        FROM facts WHERE kind = 'drift-verdict'""",
}

TIME = "timestamp with time zone"
FIELD = re.compile(r"\{(text|whole|real|truth|time|moment) (facts|answer)\.([a-z_]+)(?:\.([0-9]+))?\}")
DEADLINE = re.compile(r"\{deadline ([a-z_.]+)\}")


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    field = {"postgresql": _postgresql_field, "sqlite": _sqlite_field}[dialect]
    # In hours: in some time zones a day is not always 24 of them.
    deadline = {
        "postgresql": r"\1 + INTERVAL '120 hours'",
        "sqlite": r"strftime('%Y-%m-%d %H:%M:%f', \1, '+120 hours')",
    }[dialect]
    for name, select in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {FIELD.sub(field, DEADLINE.sub(deadline, select))}")


def _postgresql_field(found: re.Match[str]) -> str:
    kind, fact, name, part = found.groups()
    kinds = {"whole": "bigint", "real": "double precision", "truth": "boolean", "time": TIME, "moment": TIME}
    path = name if part is None else f"{name},{part}"
    text = f"{fact}.body #>> '{{{path}}}'"
    return f"CAST({text} AS {kinds[kind]})" if kind in kinds else f"({text})"


def _sqlite_field(found: re.Match[str]) -> str:
    kind, fact, name, part = found.groups()
    path = name if part is None else f"{name}[{part}]"
    value = f"json_extract({fact}.body, '$.{path}')"
    # A time is written as the other columns of this database have it.
    kinds = {
        "real": f"CAST({value} AS REAL)",
        "time": f"replace(replace({value}, 'T', ' '), '+00:00', '')",
        "moment": f"strftime('%Y-%m-%d %H:%M:%f', {value})",
    }
    return kinds.get(kind, value)
