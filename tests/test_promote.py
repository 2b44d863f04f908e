"""Duels: evidence in decision order, promotion, retirement, rollback, and who stays in shadow."""

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.builders import NOON, NOW, a_correction, a_decision, a_version, after, an_alias_move, an_email
from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.decisions import ShadowDecision
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.errors import BadInput
from triage_cl.domain.promotion import PromotionRule, Verdict
from triage_cl.domain.review import ReviewPolicy
from triage_cl.domain.versions import CHALLENGER, CHAMPION, AliasMoved, Judgement
from triage_cl.learning.learner import Learner
from triage_cl.usecases.ledger import Admission, Dispute
from triage_cl.usecases.promote import conclude_duel, judge, last_closed_day, promote, roll_back, settle, weigh
from triage_cl.usecases.retrain import ensure_champion, mirror_aliases, refresh_champion, retrain, standing_at

KEY = b"k" * 32
RULE = PromotionRule()
LATER = after(days=30)


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    return FolderRegistry(tmp_path / "registry")


@pytest.fixture
def arena(ledger: Ledger, registry: FolderRegistry) -> Ledger:
    """A ledger with a champion and a challenger that were taught the same hundred lessons."""
    ledger.append([DepartmentAdded(name, name) for name in ("billing", "support")], NOON)
    ledger.append([ReviewPolicy()], NOON)
    ensure_champion(ledger, registry, "hashed-ensemble", KEY, NOON)
    mails = [Admission(an_email(f"old-{n}", body=f"word{n % 7}"), a_decision(f"old-{n}", draw=0.0)) for n in range(110)]
    ledger.admit(mails, NOW)
    ledger.append([a_correction(f"old-{n}", ("billing", "support")[n % 2]) for n in range(110)], NOON)
    retrain(ledger, registry, "tfidf-svm", KEY, ["a test"], NOON)
    return ledger


def fight(ledger: Ledger, won: int, lost: int, agreed: int = 200, unanswered: int = 0) -> None:
    """Disputes of which the challenger won and lost so many; all drawn, all but the last `unanswered` answered."""
    outcomes = [True] * won + [False] * lost
    Random(1).shuffle(outcomes)
    standing = standing_at(ledger)
    assert standing.champion is not None
    assert standing.challenger is not None
    champion, challenger = standing.champion, standing.challenger
    admissions, answers = [], []
    for number in range(won + lost + unanswered):
        at = after(minutes=number)
        id = f"dispute-{champion.entrant}-{number:05}"
        decision = a_decision(
            id, version=champion.version, disputed=True, review_probability=0.2, draw=0.1, decided_at=at, blind=True
        )
        shadow = ShadowDecision(id, challenger.entrant, "support", 0.8)
        admissions.append(Admission(an_email(id), decision, (shadow,)))
        if number < len(outcomes):
            answers.append(a_correction(id, "support" if outcomes[number] else "billing", blind=True))
    for number in range(agreed):
        id = f"agreed-{champion.entrant}-{number}"
        admissions.append(Admission(an_email(id), a_decision(id, version=champion.version), (), (challenger.entrant,)))
    ledger.admit(admissions, NOW)
    ledger.append(answers, NOON)


def test_a_champion_that_no_recipe_folds_any_more_gives_way_to_the_one_of_the_settings(
    ledger: Ledger, registry: FolderRegistry
) -> None:
    ledger.append([DepartmentAdded("billing", "Billing"), a_correction("old"), a_version("of-old")], NOON)
    ledger.append([an_alias_move(a_version("of-old").version)], NOON)
    champion = ensure_champion(ledger, registry, "hashed-ensemble", KEY, NOON)
    assert (champion.recipe, champion.start) == ("hashed-ensemble", 0)
    assert champion.reasons == ("of-old has given way to hashed-ensemble",)
    assert ensure_champion(ledger, registry, "hashed-ensemble", KEY, NOON) == champion == standing_at(ledger).champion


def test_a_better_challenger_is_promoted_and_the_deposed_champion_stays_in_shadow(
    arena: Ledger, registry: FolderRegistry
) -> None:
    fight(arena, won=300, lost=40)
    before = standing_at(arena)
    judged = judge(arena, RULE, LATER)
    assert judged is not None
    assert judged.decision.verdict is Verdict.PROMOTE
    assert conclude_duel(arena, registry, judged, "a test", LATER)
    after_it = standing_at(arena)
    assert after_it.champion == before.challenger
    assert after_it.challenger == before.champion
    assert registry.aliased(CHAMPION) == judged.challenger.version
    moves = [r.fact for r in arena.facts(kinds=[AliasMoved.kind]) if isinstance(r.fact, AliasMoved)]
    assert [move.reasons for move in moves if move.alias == CHAMPION][-1] == judged.decision.reasons


def test_an_even_fight_keeps_collecting(arena: Ledger, registry: FolderRegistry) -> None:
    fight(arena, won=30, lost=30)
    judged = judge(arena, RULE, LATER)
    assert judged is not None
    assert judged.decision.verdict is Verdict.KEEP
    assert not conclude_duel(arena, registry, judged, "a test", LATER)


def test_a_worse_challenger_is_retired_and_its_next_try_is_another_entrant(
    arena: Ledger, registry: FolderRegistry
) -> None:
    fight(arena, won=40, lost=300)
    judged = judge(arena, RULE, LATER)
    assert judged is not None
    assert judged.decision.verdict is Verdict.RETIRE
    assert conclude_duel(arena, registry, judged, "a test", LATER)
    assert standing_at(arena).challenger is None
    assert registry.aliased(CHALLENGER) is None
    again, _ = retrain(arena, registry, "tfidf-svm", KEY, ["once more"], LATER)
    assert again.entrant == "tfidf-svm#2"
    second = judge(arena, RULE, LATER)
    assert second is not None
    assert second.evidence.disputed == 0


def test_retraining_refreshes_an_entrant_and_keeps_its_evidence(arena: Ledger, registry: FolderRegistry) -> None:
    fight(arena, won=20, lost=10)
    before = judge(arena, RULE, LATER)
    retrain(arena, registry, "tfidf-svm", KEY, ["nightly"], LATER)
    refreshed = judge(arena, RULE, LATER)
    assert before is not None
    assert refreshed is not None
    assert refreshed.challenger.version != before.challenger.version
    assert refreshed.evidence == before.evidence


def test_every_later_challenger_needs_stronger_evidence() -> None:
    levels = [RULE.for_challenger(number).alpha for number in range(1, 200)]
    assert levels == sorted(levels, reverse=True)
    assert sum(levels) < RULE.alpha


def test_each_look_is_recorded(arena: Ledger) -> None:
    fight(arena, won=5, lost=5)
    judge(arena, RULE, LATER)
    judge(arena, RULE, LATER)
    assert len(list(arena.facts(kinds=[Judgement.kind]))) == 2


def test_without_a_challenger_there_is_nothing_to_judge(ledger: Ledger, registry: FolderRegistry) -> None:
    ensure_champion(ledger, registry, "hashed-ensemble", KEY, NOON)
    assert judge(ledger, RULE, LATER) is None


def test_rolling_back_makes_the_predecessor_champion_again(arena: Ledger, registry: FolderRegistry) -> None:
    first = standing_at(arena).champion
    challenger = standing_at(arena).challenger
    assert challenger is not None
    promote(arena, registry, challenger, ("because",), "an operator", LATER)
    assert roll_back(arena, registry, ("it was worse",), "an operator", LATER) == first
    assert first is not None
    assert registry.aliased(CHAMPION) == first.version


def test_a_rollback_is_not_undone_by_the_evidence_of_before(arena: Ledger, registry: FolderRegistry) -> None:
    fight(arena, won=300, lost=40)
    judged = judge(arena, RULE, LATER)
    assert judged is not None
    conclude_duel(arena, registry, judged, "a test", LATER)
    roll_back(arena, registry, ("people complained",), "an operator", after(days=31))
    again = judge(arena, RULE, after(days=60))
    assert again is not None
    assert (again.evidence.disputed, again.decision.verdict) == (0, Verdict.KEEP)


def test_rolling_back_passes_over_versions_of_the_same_entrant(arena: Ledger, registry: FolderRegistry) -> None:
    first, challenger = standing_at(arena).champion, standing_at(arena).challenger
    assert challenger is not None
    promote(arena, registry, challenger, ("because",), "an operator", LATER)
    arena.append([a_correction("old-3", "billing", answered_at=LATER)], LATER)
    refresh_champion(arena, registry, KEY, ["nightly"], LATER)
    assert standing_at(arena).champion != challenger
    assert standing_at(arena).challenger == first
    assert roll_back(arena, registry, ("it was worse",), "an operator", LATER) == first


def test_a_registry_that_was_lost_is_made_again(arena: Ledger, tmp_path: Path) -> None:
    empty = FolderRegistry(tmp_path / "another")
    assert mirror_aliases(arena, empty, KEY) == [CHALLENGER, CHAMPION]
    champion = standing_at(arena).champion
    assert champion is not None
    assert Learner.restore(empty.snapshot(champion.version), KEY).fingerprint() == champion.fingerprint


def test_without_a_predecessor_there_is_nothing_to_roll_back_to(ledger: Ledger, registry: FolderRegistry) -> None:
    ensure_champion(ledger, registry, "hashed-ensemble", KEY, NOON)
    with pytest.raises(BadInput, match="no predecessor"):
        roll_back(ledger, registry, ("why not",), "an operator", LATER)


def test_an_alias_that_a_crash_left_behind_is_moved_again(arena: Ledger, registry: FolderRegistry) -> None:
    challenger = standing_at(arena).challenger
    assert challenger is not None
    registry.point(CHAMPION, challenger.version)
    assert mirror_aliases(arena, registry, KEY) == [CHAMPION]
    champion = standing_at(arena).champion
    assert champion is not None
    assert registry.aliased(CHAMPION) == champion.version


def a_dispute(number: int, answered: bool, decided_at: datetime, drawn: bool = True) -> Dispute:
    draw = 0.1 if drawn else 0.9
    decision = a_decision(f"m{number}", disputed=True, review_probability=0.2, draw=draw, decided_at=decided_at)
    answer = a_correction(f"m{number}", "support") if answered else None
    shadow = ShadowDecision(f"m{number}", "other", "support", 0.9)
    return Dispute(decision, shadow, answer)


def test_a_day_counts_once_its_answer_window_is_over() -> None:
    disputes = [a_dispute(n, answered=True, decided_at=after(days=n)) for n in range(8)]
    closed_on = last_closed_day(after(days=8), timedelta(days=5))
    assert [d.decision.email_id for d in settle(disputes, closed_on)] == ["m0", "m1", "m2"]


def test_which_answers_come_sooner_makes_no_difference() -> None:
    """Today's answers to yesterday's disputes, whatever they say, change nothing before the window is over."""
    closed_on = last_closed_day(after(days=8), timedelta(days=5))
    quick = [a_dispute(n, answered=True, decided_at=after(days=n)) for n in range(8)]
    slow = [a_dispute(n, answered=n < 3, decided_at=after(days=n)) for n in range(8)]
    assert weigh(quick, {}, closed_on, 0.2) == weigh(slow, {}, closed_on, 0.2)


def test_a_dispute_that_nobody_answered_weighs_nothing() -> None:
    disputes = [a_dispute(n, answered=n != 3, decided_at=after(days=n)) for n in range(8)]
    evidence = weigh(disputes, {}, after(days=20).date(), least=0.2)
    assert (evidence.disputed, evidence.answered) == (8, 7)


def test_agreements_of_open_days_do_not_count_yet() -> None:
    disputes = [a_dispute(0, True, NOON), a_dispute(1, False, after(days=3))]
    agreements = {NOON.date() + timedelta(days=day): 10 for day in range(6)}
    assert weigh(disputes, agreements, after(days=1).date(), least=0.2).mails == 21


def test_wins_are_evidence_and_losses_are_not() -> None:
    disputes = [a_dispute(n, True, after(days=n)) for n in range(10)]
    assert weigh(disputes, {}, LATER.date(), 0.2).e_value > 1
