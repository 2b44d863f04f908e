"""Take out what reviewers taught, and put it back: what that does to lessons, and which mail is asked about again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from triage_cl.domain.corrections import Correction, effective_lessons
from triage_cl.domain.errors import BadInput
from triage_cl.domain.reviewers import ReviewerChange, ReviewerReinstated, ReviewerTakenOut, Trust, fold_trust
from triage_cl.domain.second_looks import Purpose
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.dealing import a_look
from triage_cl.usecases.double_reviews import docket_at
from triage_cl.usecases.learn import TRUST, Answer, answers_in, reviewer_changes, taxonomy_at, trust_at
from triage_cl.usecases.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes of reviewers do: the lessons of each department that gains or loses some, before and after.

    `unanswered` mails have then no answer left that counts, though somebody answered them.
    """

    lessons: Mapping[str, tuple[int, int]]
    unanswered: tuple[str, ...]


def changed_by(ledger: Ledger, changes: Sequence[ReviewerChange]) -> Effect:
    """What `changes` would do; nothing is recorded."""
    answers, so_far = list(answers_in(ledger.facts(kinds=[Correction.kind]))), reviewer_changes(ledger)
    before, after, ever = (
        _lessons(answers, trust) for trust in (fold_trust(so_far), fold_trust([*so_far, *changes]), Trust())
    )
    taxonomy = taxonomy_at(ledger)
    had, has = (Counter(taxonomy.teaches(id) for id in lessons.values()) for lessons in (before, after))
    moved = sorted(id for id in {*had, *has} if id is not None and had[id] != has[id])
    return Effect({id: (had[id], has[id]) for id in moved}, tuple(id for id in ever if id not in after))


def _lessons(answers: Sequence[Answer], trust: Trust) -> dict[str, str]:
    return {lesson.email_id: lesson.department for lesson in effective_lessons(trust.counting(answers))}


def change_reviewers(ledger: Ledger, keys: Keys, changes: Sequence[ReviewerChange], again: int, at: datetime) -> int:
    """Record `changes`, and have up to `again` mails without an answer answered by others; how many are asked for anew.

    It may be done again after a crash, or later: mails that nobody was asked about yet then have their turn.
    """
    asked = ask_again(ledger, keys, changed_by(ledger, changes).unanswered, again, at)
    standing = trust_at(ledger).taken_out
    ledger.append([change for change in changes if not _stands(change, standing)], at)
    return asked


def _stands(change: ReviewerChange, standing: Mapping[str, datetime | None]) -> bool:
    """Whether a change changes nothing: whoever follows the ledger would fold for nothing."""
    if isinstance(change, ReviewerReinstated):
        return change.reviewer not in standing
    return change.reviewer in standing and standing[change.reviewer] == change.since_at


def ask_again(ledger: Ledger, keys: Keys, unanswered: Sequence[str], most: int, at: datetime) -> int:
    """Have some of these mails answered again, so that no more than `most` such tasks are open; how many are new.

    A keyed sample of those whose text is kept.
    """
    looks = [look for look in ledger.looks_at(unanswered).values() if look.purpose is Purpose.AGAIN]
    heard = ledger.opinions_of([look.id for look in looks])
    open_at = {look.email_id for look in looks if look.id not in heard}
    attempts = Counter(look.email_id for look in looks)
    kept = ledger.emails([email_id for email_id in unanswered if email_id not in open_at])
    chosen = sorted(kept, key=lambda email_id: keys.uniform("again", email_id))[: max(0, most - len(open_at))]
    chance = len(chosen) / max(1, len(kept))
    return ledger.ask([a_look(keys, id, Purpose.AGAIN, attempts[id] + 1, at, chance) for id in chosen])


def taking_out(
    ledger: Ledger, reviewers: Sequence[str], since: datetime | None = None, reasons: Sequence[str] = ()
) -> list[ReviewerTakenOut]:
    """The changes that take these out; raises BadInput where one of them never answered."""
    known = {answer.reviewer for _, answer in answers_in(ledger.facts(kinds=[Correction.kind]))}
    _check(reviewers, known, "never answered")
    return [ReviewerTakenOut(reviewer, tuple(reasons), since) for reviewer in dict.fromkeys(reviewers)]


def putting_back(ledger: Ledger, reviewers: Sequence[str], reasons: Sequence[str] = ()) -> list[ReviewerReinstated]:
    """The changes that put these back; raises BadInput where one of them was not taken out."""
    _check(reviewers, trust_at(ledger).taken_out, "was not taken out")
    return [ReviewerReinstated(reviewer, tuple(reasons)) for reviewer in dict.fromkeys(reviewers)]


def _check(reviewers: Sequence[str], known: Mapping[str, object] | set[str], otherwise: str) -> None:
    for reviewer in reviewers:
        if reviewer not in known:
            raise BadInput(f"{reviewer!r} {otherwise}; `triage reviewers` lists who did, by pseudonym.")


def flagged_reviewers(ledger: Ledger) -> list[str]:
    """Who is flagged and not taken out; whoever was reinstated after the flag is somebody's decision."""
    flags = docket_at(ledger).evidence.flagged
    recorded = [(one.position, one.fact) for one in ledger.facts(kinds=TRUST)]
    back = {fact.reviewer: position for position, fact in recorded if isinstance(fact, ReviewerReinstated)}
    out = trust_at(ledger).taken_out
    return [name for name, flag in flags.items() if name not in out and back.get(name, 0) < flag.position]
