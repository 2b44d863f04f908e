"""Values with sensible defaults: a test names only what it is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.decisions import Action, Decision, ShadowDecision
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentMerged,
    DepartmentMoved,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
    DepartmentUndone,
)
from triage_cl.domain.drift import DriftVerdict
from triage_cl.domain.emails import Email
from triage_cl.domain.facts import Fact
from triage_cl.domain.review import ReviewPolicy
from triage_cl.domain.reviewers import ReviewerReinstated, ReviewerTakenOut
from triage_cl.domain.second_looks import Opinion, Purpose
from triage_cl.domain.versions import CHAMPION, AliasMoved, Judgement, ModelVersion, version_name
from triage_cl.usecases.ledger import Admission, Routed

NOON = datetime(2025, 3, 4, 12, tzinfo=UTC)

#: Admits under every fact there is.
NOW = 2**31


def after(**delay: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(**delay)


def an_email(id: str = "mail-1", **changes: Any) -> Email:
    """A short mail that arrived at noon."""
    email = Email(
        id=id,
        received_at=NOON,
        sender="sender-7f",
        subject="Invoice 12",
        body="Where is my money?",
        thread=None,
        redaction=1,
    )
    return replace(email, **changes)


def a_decision(email_id: str = "mail-1", **changes: Any) -> Decision:
    """A decision for billing, made at noon, not drawn."""
    decision = Decision(
        email_id=email_id,
        version=version_name("hashed-ensemble", 0, 0),
        department="billing",
        confidence=0.7,
        margin=0.5,
        unseen=0.1,
        action=Action.SUGGEST,
        review_probability=0.25,
        draw=0.5,
        blind=False,
        disputed=False,
        decided_at=NOON,
        through=0,
        as_of=0,
    )
    return replace(decision, **changes)


def an_admission(
    email_id: str = "mail-1",
    email: Mapping[str, Any] | None = None,
    disagreements: tuple[ShadowDecision, ...] = (),
    agreeing: tuple[str, ...] = (),
    **decision: Any,
) -> Admission:
    """A mail with its decision; `email` changes the mail, what else is named changes the decision."""
    return Admission(an_email(email_id, **(email or {})), a_decision(email_id, **decision), disagreements, agreeing)


def a_correction(email_id: str = "mail-1", department: str | None = "billing", **changes: Any) -> Correction:
    """A reviewer's answer, an hour after noon; another department, time or source is another answer."""
    correction = Correction(
        email_id=email_id,
        department=department,
        source=Source.REVIEW,
        origin=Origin.CHANGED,
        blind=False,
        reviewer="reviewer-3a",
        answer_id="",
        answered_at=after(hours=1),
    )
    changed = replace(correction, **changes)
    told = changed.answer_id or f"{email_id}/{department}/{changed.answered_at.isoformat()}"
    return replace(changed, answer_id=told)


def an_opinion(department: str | None = "billing", **changes: Any) -> Opinion:
    """What somebody said at a second look, two hours after noon."""
    opinion = Opinion(
        look_id="mail-1#double1",
        email_id="mail-1",
        purpose=Purpose.DOUBLE,
        department=department,
        reviewer="reviewer-7b",
        answer_id="label-studio:9:1",
        answered_at=after(hours=2),
    )
    return replace(opinion, **changes)


def a_routed(email_id: str = "mail-1", department: str = "billing", **email: Any) -> Routed:
    """A mail with an archive's answer; what else is named changes the mail."""
    answer = a_correction(email_id, department, source=Source.IMPORT, answer_id=f"archive:{email_id}")
    return Routed(an_email(email_id, **email), answer)


def a_version(entrant: str = "hashed-ensemble", through: int = 0, **changes: Any) -> ModelVersion:
    """A registered version of a recipe."""
    version = ModelVersion(
        version=version_name(entrant, through, through),
        recipe=entrant,
        start=0,
        through=through,
        as_of=through,
        lessons=through,
        fingerprint="5f" * 32,
        reasons=("the first one",),
    )
    return replace(version, **changes)


def an_alias_move(version: str | None = "hashed-ensemble@0-0", alias: str = CHAMPION, **changes: Any) -> AliasMoved:
    """An alias that names a version from now on."""
    return replace(AliasMoved(alias, version, None, ("it is the first",), "an operator"), **changes)


def a_judgement(**changes: Any) -> Judgement:
    """A look at a duel that decides nothing."""
    judgement = Judgement(
        champion="hashed-ensemble@0-0",
        challenger="tfidf-svm@0-0",
        verdict="keep",
        reasons=("too early", "e-value 1.5 is below 20"),
        answered=12,
        mails=400,
        e_value=1.5,
        gain=0.01,
        gain_low=-0.02,
        gain_high=0.04,
    )
    return replace(judgement, **changes)


def a_drift_verdict(**changes: Any) -> DriftVerdict:
    """A comparison of two windows that asks to watch."""
    verdict = DriftVerdict(
        verdict="watch",
        reasons=("length shifted",),
        measures=(("length", 0.14), ("hour", 0.02)),
        reference=("2025-02-01T00:00:00+00:00", "2025-02-28T00:00:00+00:00"),
        current=("2025-03-01T00:00:00+00:00", "2025-03-07T00:00:00+00:00"),
        report="drift-1.html",
    )
    return replace(verdict, **changes)


def one_of_each_kind() -> list[Fact]:
    """A fact of every kind, in an order that makes sense."""
    return [
        DepartmentAdded("billing", "Billing"),
        DepartmentAdded("sales", "Sales"),
        DepartmentRenamed("sales", "Sales & Größe"),
        DepartmentMoved("sales", "billing"),
        ReviewPolicy(share=0.2, per_day=30),
        a_version(),
        an_alias_move(),
        a_correction(),
        a_judgement(),
        a_drift_verdict(),
        DepartmentMerged("sales", "billing"),
        DepartmentAdded("orders", "Orders"),
        DepartmentSplit("billing", ("orders",)),
        DepartmentRetired("orders"),
        DepartmentUndone("orders"),
        an_opinion(),
        ReviewerTakenOut("reviewer-3a", ("flagged",), since_at=NOON),
        ReviewerReinstated("reviewer-3a"),
        ReviewerTakenOut("reviewer-0d"),
    ]
