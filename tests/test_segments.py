"""Accuracy by department and segment: the product's estimate on each slice, small ones together."""

import numpy as np
import pytest

from triage_cl.statistics.estimators import aipw_mean
from triage_cl.statistics.segments import POOLED, Reviewed, accuracy_by

MAILS = 6_000


def reviewed(seed: int = 1) -> Reviewed:
    """Mail of which a fifth of those asked about stays unanswered."""
    random = np.random.default_rng(seed)
    confidence = random.beta(8, 2, MAILS)
    probability = 0.1 + 0.5 * (1 - confidence)
    drawn = random.random(MAILS) < probability
    return Reviewed.of(
        random.random(MAILS) < confidence,
        drawn,
        random.random(MAILS) < 0.8,
        probability,
        confidence,
        [f"thread-{number // 2}" for number in range(MAILS)],
    )


def labels(shares: dict[str, float], seed: int = 2) -> list[str]:
    chosen: list[str] = np.random.default_rng(seed).choice(list(shares), MAILS, p=list(shares.values())).tolist()
    return chosen


LANGUAGES = labels({"en": 0.6, "de": 0.38, "fr": 0.011, "it": 0.009})


def test_each_slice_is_estimated_as_if_it_were_all_mail() -> None:
    mails = reviewed()
    told = accuracy_by(mails, {"language": LANGUAGES})
    assert [one.name for one in told] == ["en", "de", POOLED]
    for one, names in zip(told, [{"en"}, {"de"}, {"fr", "it"}], strict=True):
        of = np.array([language in names for language in LANGUAGES])
        threads = [f"thread-{number // 2}" for number in np.flatnonzero(of)]
        part = mails[of]
        alone = aipw_mean(part.correct, part.answered, part.probability, part.confidence, clusters=threads)
        assert one.accuracy == alone
        assert (one.kind, one.mails, one.answers) == ("language", of.sum(), part.answered.sum())
        assert one.missing == pytest.approx(1 - part.answered.sum() / part.drawn.sum())


def test_slices_of_a_kind_are_all_mail_between_them() -> None:
    mails = reviewed()
    told = accuracy_by(mails, {"department": labels({f"d{n}": 1 / 40 for n in range(40)}), "language": LANGUAGES})
    for kind in ("department", "language"):
        of = [one for one in told if one.kind == kind]
        assert sum(one.mails for one in of) == MAILS
        assert sum(one.answers for one in of) == mails.answered.sum()


def test_no_more_slices_than_are_wanted_and_the_smallest_are_pooled() -> None:
    shares = {f"d{number}": 2 * (number + 1) / (30 * 31) for number in range(30)}
    told = accuracy_by(reviewed(), {"department": labels(shares)}, least_share=0.0, most=8)
    assert len(told) == 8
    assert told[-1].name == POOLED
    sizes = [one.mails for one in told[:-1]]
    assert sizes == sorted(sizes, reverse=True)
    assert {one.name for one in told[:-1]} <= {f"d{number}" for number in range(18, 30)}


def test_labels_that_all_fit_are_not_pooled() -> None:
    told = accuracy_by(reviewed(), {"hour": labels({f"{hour:02}": 1 / 8 for hour in range(8)})}, most=8)
    assert POOLED not in {one.name for one in told}
    assert len(told) == 8


def test_a_slice_that_nobody_answered_has_no_interval() -> None:
    mails = reviewed()
    silent = np.array([language == "de" for language in LANGUAGES])
    unanswered = Reviewed.of(
        mails.correct, mails.drawn, mails.answered & ~silent, mails.probability, mails.confidence, mails.clusters
    )
    [of] = [one for one in accuracy_by(unanswered, {"language": LANGUAGES}) if one.name == "de"]
    assert (of.answers, of.missing) == (0, 1.0)
    # The champion's own doubt is no answer: nothing is claimed where nobody said anything.
    assert of.accuracy is None


def test_who_answered_without_being_asked_does_not_count() -> None:
    volunteers = Reviewed.of([1, 1], [True, False], [True, True], [0.5, 0.5], [0.5, 0.5], ["a", "b"])
    assert volunteers.answered.tolist() == [True, False]


def test_no_mail_has_no_slices() -> None:
    assert accuracy_by(Reviewed.of([], [], [], [], [], []), {"language": []}) == []


def test_columns_and_labels_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="lengths"):
        Reviewed.of([1, 0], [True], [True, True], [0.5, 0.5], [0.5, 0.5], ["a", "b"])
    with pytest.raises(ValueError, match="labels"):
        accuracy_by(reviewed(), {"language": ["en"]})
