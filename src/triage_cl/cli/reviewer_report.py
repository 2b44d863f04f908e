"""The reviewers' account as one JSON object and as tables."""

from collections.abc import Mapping
from datetime import datetime

from triage_cl.adapters.html_report import UNKNOWN, between, evidence, percent
from triage_cl.statistics.estimators import Interval
from triage_cl.statistics.reviewers import Difference
from triage_cl.usecases.reviewer_accounts import Pull, ReviewerAccount, StaffAccount

#: Names of accounts by pseudonym, None where nobody asked for them.
Names = Mapping[str, str] | None

HEADER = ("reviewer", "answers", "lessons", "an hour", "agree", "against", "evidence", "accepts", "state")


def as_json(account: StaffAccount, names: Names = None) -> dict[str, object]:
    """One JSON-ready object; names are in it only where they are given."""
    return {
        "reviewers": [_row(one, account.lessons, names) for one in account.reviewers],
        "lessons": account.lessons,
        "disagreements_waiting": account.waiting,
        "double_share": round(account.doubled, 6),
        "e_value_needed": account.needed,
        "anchoring": _pull(account.pull),
    }


def _row(one: ReviewerAccount, lessons: int, names: Names) -> dict[str, object]:
    doubles = one.doubles
    named = {} if names is None else {"name": names.get(one.reviewer)}
    return {
        "reviewer": one.reviewer,
        **named,
        "answers": one.answers,
        "withheld": one.withheld,
        "lessons": one.lessons,
        "share_of_lessons": round(one.lessons / lessons, 6) if lessons else 0.0,
        "seconds_an_answer": one.pace and round(one.pace.seconds, 1),
        "answers_an_hour": one.pace and round(one.pace.an_hour, 1),
        "anchoring": _pull(one.pull),
        "double_reviews": doubles.compared,
        "judged": doubles.judged,
        "against": doubles.against,
        "agreement": _interval(doubles.agreement),
        "kappa": None if doubles.kappa is None else round(doubles.kappa, 6),
        "confusions": [{"said": each.said, "right": each.right, "times": each.times} for each in doubles.confusions],
        "e_value": one.e_value,
        "flagged_at": _moment(one.flag.at if one.flag else None),
        "taken_out": one.taken_out,
        "taken_out_since": _moment(one.since),
    }


def _pull(pull: Pull) -> dict[str, object]:
    shares = {"accepted_shown": pull.shown, "accepted_blind": pull.blind}
    told = {name: None if share is None else round(share, 6) for name, share in shares.items()}
    return told | {"difference": _interval(pull.difference)}


def _interval(found: Interval | Difference | None) -> dict[str, float] | None:
    return None if found is None else {name: round(getattr(found, name), 6) for name in ("point", "low", "high")}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def as_rows(account: StaffAccount, names: Names = None) -> list[tuple[str, ...]]:
    """A line for each reviewer, as `HEADER` has it."""
    return [_line(one, account, names) for one in account.reviewers]


def _line(one: ReviewerAccount, account: StaffAccount, names: Names) -> tuple[str, ...]:
    name = one.reviewer if names is None else names.get(one.reviewer, one.reviewer)
    share = percent(one.lessons / account.lessons if account.lessons else None)
    doubles = one.doubles
    return (
        name,
        f"{one.answers:,}" + (f" ({one.withheld:,} withheld)" if one.withheld else ""),
        f"{one.lessons:,} ({share})",
        f"{one.pace.an_hour:,.0f}" if one.pace else UNKNOWN,
        f"{percent(doubles.agreement.point)} ({between(doubles.agreement)})" if doubles.agreement else UNKNOWN,
        f"{doubles.against} of {doubles.judged}" if doubles.judged else UNKNOWN,
        evidence(one.e_value),
        f"{percent(one.pull.shown)}, blind {percent(one.pull.blind)}",
        state_of(one),
    )


def state_of(one: ReviewerAccount) -> str:
    """Whether somebody is flagged or taken out, and since when."""
    told = [f"flagged {one.flag.at:%Y-%m-%d}"] if one.flag else []
    if one.taken_out:
        told.append(f"taken out since {one.since:%Y-%m-%d %H:%M}" if one.since else "taken out")
    return ", ".join(told)
