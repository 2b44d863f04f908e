"""What `triage verify propensities` must find, planted, and that it accuses no honest ledger."""

import numpy as np
import pytest
import sqlalchemy as sa

from tests.builders import NOON, a_correction, an_admission
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.schema import decisions
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.verify import Finding, verify_propensities

KEYS = Keys.from_seed(11)
MAILS = 2_500


def draw_of(mail: int, name: str = "mail") -> float:
    return KEYS.uniform("review", f"{name}-{mail}")


def store(ledger: Ledger, chances: dict[int, float], name: str = "mail") -> None:
    """Decisions with these review probabilities, by number, and their keyed draws."""
    group = [
        an_admission(f"{name}-{mail}", review_probability=chance, draw=draw_of(mail, name))
        for mail, chance in chances.items()
    ]
    assert ledger.admit(group, ledger.position()) is not None


def honest(seed: int) -> dict[int, float]:
    chosen = np.random.default_rng(seed).choice([0.02, 0.05, 0.2, 0.6], MAILS)
    return dict(enumerate(chosen.tolist()))


def found_in(ledger: Ledger) -> tuple[Finding, ...]:
    return verify_propensities(ledger, KEYS).found


def change(ledger: Ledger, mails: list[int], chance: float) -> None:
    """Change stored probabilities, as nobody should."""
    for first in range(0, len(mails), 500):
        ids = [f"mail-{mail}" for mail in mails[first : first + 500]]
        with ledger.engine.begin() as connection:
            connection.execute(
                sa.update(decisions).where(decisions.c.email_id.in_(ids)).values(review_probability=chance)
            )


def test_no_honest_ledger_is_accused(sqlite_ledger: Ledger) -> None:
    for seed in range(4):
        store(sqlite_ledger, honest(seed), name=f"ledger-{seed}")
        checked = verify_propensities(sqlite_ledger, KEYS)
        assert checked.holds, seed
    assert checked.checked == 4 * MAILS


def test_probabilities_settled_with_an_eye_on_the_draw_are_found_in_their_stratum(sqlite_ledger: Ledger) -> None:
    """Among mail at 0.2 nobody is drawn, and as many more are at 0.05 instead: the total fits."""
    draws = {mail: draw_of(mail) for mail in range(MAILS)}
    undrawn = [mail for mail, draw in draws.items() if draw >= 0.2][:400]
    others = sorted(draws.keys() - set(undrawn), key=lambda mail: draws[mail] < 0.05, reverse=True)
    drawn = [mail for mail in others if draws[mail] < 0.05][:135]
    spared = [mail for mail in others if draws[mail] >= 0.05][: 1_100 - len(drawn)]
    store(sqlite_ledger, dict.fromkeys(undrawn, 0.2) | dict.fromkeys([*drawn, *spared], 0.05))
    told = [finding.what for finding in found_in(sqlite_ledger)]
    assert told == [
        "0 of 400 mails with a probability above 0.125 up to 0.25 drawn where 80.0 were expected",
        "135 of 1100 mails with a probability above 0.03125 up to 0.0625 drawn where 55.0 were expected",
    ]


def test_too_few_draws_in_all_are_found(sqlite_ledger: Ledger) -> None:
    undrawn = [mail for mail in range(MAILS) if draw_of(mail) >= 0.02]
    store(sqlite_ledger, dict.fromkeys(undrawn, 0.02))
    told = [finding.what for finding in found_in(sqlite_ledger)]
    assert told[0] == f"0 of {len(undrawn)} mails drawn where {0.02 * len(undrawn):.1f} were expected"


def test_an_answer_before_its_decision_is_found(sqlite_ledger: Ledger) -> None:
    sqlite_ledger.append([a_correction("mail-7")], NOON)
    store(sqlite_ledger, {7: 1.0})
    assert [finding.what for finding in found_in(sqlite_ledger)] == ["mail-7: answered before it was decided"]


def test_a_probability_changed_across_its_draw_is_found(sqlite_ledger: Ledger) -> None:
    store(sqlite_ledger, honest(1))
    drawn = next(mail for mail, chance in honest(1).items() if draw_of(mail) < chance)
    change(sqlite_ledger, [drawn], draw_of(drawn) / 2)
    assert [finding.what for finding in found_in(sqlite_ledger)] == [
        f"mail-{drawn}: stored as drawn=True against its draw"
    ]


def test_probabilities_changed_without_crossing_their_draws_are_found_by_their_number(sqlite_ledger: Ledger) -> None:
    store(sqlite_ledger, honest(2))
    spared = [mail for mail, chance in honest(2).items() if chance == 0.05 and draw_of(mail) >= 0.12]
    change(sqlite_ledger, spared, 0.12)
    told = [finding.what for finding in found_in(sqlite_ledger)]
    assert any(
        what.startswith(f"0 of {len(spared)} mails with a probability above 0.0625 up to 0.125") for what in told
    )


@pytest.mark.parametrize("chance", [0.0, 1.5])
def test_a_probability_that_cannot_be_is_found(sqlite_ledger: Ledger, chance: float) -> None:
    store(sqlite_ledger, {1: 0.9})
    change(sqlite_ledger, [1], chance)
    assert f"mail-1: review probability {chance}" in [finding.what for finding in found_in(sqlite_ledger)]


def test_an_empty_ledger_holds(sqlite_ledger: Ledger) -> None:
    assert verify_propensities(sqlite_ledger, KEYS).holds
