"""Reasons for a decision: honest, readable, in every script."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import NOON, an_email
from tests.office import Office, an_office, mail_about
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.departments import DepartmentAdded, DepartmentMerged, DepartmentRetired
from triage_cl.domain.emails import Email
from triage_cl.domain.errors import NoChampion
from triage_cl.learning.hashing import describe, spellings
from triage_cl.learning.learner import Learner
from triage_cl.learning.reasons import LONGEST_REASON, strongest_words
from triage_cl.learning.recipes import RECIPES, find_recipe
from triage_cl.learning.words import BLOCKS
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.triage import Desk

KEY = b"a key of thirty-two bytes or so."
TAUGHT = {
    "billing": "Please pay the invoice, the invoice is overdue",
    "support": "The router is broken and the screen is dark",
    "legal": "The contract has a clause about the notice",
}

any_text = st.text(st.characters(codec=None), max_size=100)


def a_learner(recipe: str = "hashed-ensemble", rounds: int = 5, **lessons: str) -> Learner:
    """A learner that was taught one mail a department, several times."""
    learner = Learner(find_recipe(recipe), KEY)
    for _ in range(rounds):
        for department, text in (lessons or TAUGHT).items():
            learner.learn(learner.through + 1, describe(KEY, {"subject": "", "body": text}), department)
    return learner


def words(learner: Learner, text: str, department: str, count: int = 5, subject: str = "") -> list[str]:
    email = {"subject": subject, "body": text, "sender": "1f@2e"}
    return strongest_words(learner, email, learner.classes, department, count)


@pytest.fixture
def office(sqlite_ledger: Ledger, tmp_path: Path) -> Office:
    office = an_office(sqlite_ledger, tmp_path, share=1)
    office.answer(office.triage(30))
    office.desk.refresh()
    return office


def test_mail_about_an_invoice_names_the_invoice(office: Office) -> None:
    email = an_email(subject="Your invoice", body="Regards, somebody")
    assert office.desk.explain(email, "billing", 1) == ["invoice"]
    assert "invoice" not in office.desk.explain(email, "support")


@pytest.mark.parametrize("recipe", RECIPES)
def test_only_words_that_speak_for_the_department_are_named(recipe: str) -> None:
    text = "The invoice for the router"
    learner = a_learner(recipe)
    assert words(learner, text, "billing")[0] == "invoice"
    assert words(learner, text, "support")[0] == "router"
    assert not {"router", "invoice"} & set(words(learner, text, "legal"))


@pytest.mark.parametrize("recipe", RECIPES)
@settings(deadline=None, max_examples=100)
@given(chosen=st.lists(st.sampled_from(" ".join(TAUGHT.values()).split()), min_size=1, max_size=30))
def test_contributions_add_up_to_the_scores_that_decide(recipe: str, chosen: list[str]) -> None:
    learner = a_learner(recipe)
    features = describe(KEY, {"subject": "", "body": " ".join(chosen)})
    [believed] = learner.probabilities([features])
    scores = learner.contributions(features).sum(axis=0)
    for one in range(len(scores)):
        for other in range(len(scores)):
            if scores[one] > scores[other] + 1e-5:
                assert believed[one] > believed[other]


@settings(deadline=None, max_examples=100)
@given(chosen=st.lists(st.sampled_from(" ".join(TAUGHT.values()).split()), min_size=1, max_size=30))
def test_reasons_are_the_features_that_lead_most_in_order(chosen: list[str]) -> None:
    learner, text = a_learner(), " ".join(chosen)
    features = describe(KEY, {"subject": "", "body": text})
    added = learner.contributions(features)
    leads = added[:, learner.classes.index("billing")] - added.mean(axis=1)
    blocks = np.repeat(np.arange(BLOCKS), np.diff(features.bounds))
    lead_of = dict(zip(zip(blocks.tolist(), features.indices.tolist(), strict=True), leads.tolist(), strict=True))
    total: dict[str, float] = {}
    for number, bucket, spelled in spellings(KEY, {"subject": "", "body": text}):
        total[spelled.casefold()] = total.get(spelled.casefold(), 0.0) + lead_of.pop((number, bucket), 0.0)
    told = [total[word.casefold()] for word in words(learner, text, "billing", 100)]
    assert told == pytest.approx(sorted((lead for lead in total.values() if lead > 0), reverse=True))


@settings(deadline=None, max_examples=300)
@given(email=st.dictionaries(st.sampled_from(["subject", "body"]), any_text))
def test_every_feature_of_a_text_has_a_spelling_that_hashes_to_it(email: dict[str, str]) -> None:
    features = describe(KEY, email)
    spelled = spellings(KEY, email)
    blocks = np.repeat(np.arange(BLOCKS), np.diff(features.bounds))
    assert {(number, bucket) for number, bucket, _ in spelled} == set(
        zip(blocks.tolist(), features.indices.tolist(), strict=True)
    )
    for _, bucket, text in spelled:
        assert any(bucket in describe(KEY, {name: text}).indices for name in email)


def test_the_sender_is_described_but_not_spelled() -> None:
    assert spellings(KEY, {"sender": "1f@2e"}) == []


@pytest.mark.parametrize(
    "text", ["GRÖẞE İstanbul", "счёт-фактура", "नमस्ते दुनिया", "חשבונית", "فاتورة می‌خواهم", "請求書", "ใบแจ้งหนี้"]
)
def test_words_of_every_script_are_named_as_the_text_spells_them(text: str) -> None:
    learner = a_learner(billing=text, support="router")
    named = words(learner, text, "billing", 100)
    assert named
    assert all(word in text for word in named)


def test_a_pair_has_what_stands_between_its_words_on_one_line() -> None:
    learner = a_learner(billing="overdue -\n\u202e invoice", support="router")
    assert "overdue - invoice" in words(learner, "overdue -\n\u202e invoice", "billing")


def test_placeholders_are_named_without_their_brackets() -> None:
    learner = a_learner(billing="pay to [IBAN]", support="router")
    named = words(learner, "Pay to [IBAN]", "billing", 10)
    assert {"IBAN", "to IBAN"} <= set(named)


def test_a_word_in_subject_and_body_is_named_once() -> None:
    learner = Learner(find_recipe("hashed-ensemble"), KEY)
    for position, (department, text) in enumerate([("billing", "invoice"), ("support", "router")] * 5, 1):
        learner.learn(position, describe(KEY, {"subject": text, "body": text}), department)
    assert words(learner, "an INVOICE", "billing", subject="Invoice") == ["Invoice"]


def test_reasons_are_the_same_each_time_and_at_most_as_many_as_asked() -> None:
    learner = a_learner()
    told = words(learner, TAUGHT["billing"], "billing", 3)
    assert len(told) == 3
    assert words(learner, TAUGHT["billing"], "billing", 3) == told
    assert words(learner, TAUGHT["billing"], "billing", 100)[:3] == told
    assert words(learner, TAUGHT["billing"], "billing", 0) == []


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("text", ["", "… !", "\ud800"])
def test_mail_without_a_known_word_has_no_reasons(recipe: str, text: str) -> None:
    assert words(a_learner(recipe), text, "billing") == []


def test_before_the_first_lesson_there_are_no_reasons() -> None:
    assert words(Learner(find_recipe("hashed-ensemble"), KEY), "invoice", "billing") == []


def test_hostile_text_is_explained_soon_and_cut() -> None:
    endless = " ".join(map(str, range(100_000)))
    learner = a_learner(billing=endless, support="x" * 300_000, legal="1")
    begun = time.monotonic()
    assert len(words(learner, endless, "billing")) == 5
    [longest] = words(learner, "x" * 300_000, "support")
    assert words(learner, "1" + "\u3000" * 199_000 + "2", "legal") == ["1"]
    assert time.monotonic() - begun < 10
    assert len(longest) == LONGEST_REASON


def test_after_a_merge_the_words_of_both_speak_for_the_heir(office: Office) -> None:
    merged = [DepartmentAdded("care", "Care"), DepartmentMerged("billing", "care"), DepartmentMerged("support", "care")]
    office.ledger.append(merged, NOON)
    office.desk.refresh()
    email = an_email(subject="", body="The invoice for the router of the contract")
    assert {"invoice", "router"} <= set(office.desk.explain(email, "care", 10))
    assert office.desk.explain(email, "billing") == office.desk.explain(email, "care")
    assert office.desk.explain(email, "legal")[0] == "contract"


def test_a_merge_that_is_not_folded_yet_speaks_with_the_class_that_is_believed() -> None:
    learner = a_learner()
    homes = ["care", "care", "legal"]
    told = strongest_words(learner, {"subject": "", "body": "the invoice and the contract"}, homes, "care", 1)
    assert told == ["invoice"]
    assert strongest_words(learner, {"subject": "", "body": "the contract"}, homes, None, 5) == []


def test_a_department_that_ended_has_no_reasons(office: Office) -> None:
    office.ledger.append([DepartmentRetired("legal")], NOON)
    office.desk.refresh()
    assert office.desk.explain(mail_about("legal", 1), "legal") == []


def test_without_a_champion_there_is_nothing_to_explain(sqlite_ledger: Ledger) -> None:
    with pytest.raises(NoChampion):
        Desk(sqlite_ledger, Keys.from_seed(1), Snapshots()).explain(mail_about("legal", 1), "legal")


def test_explaining_changes_neither_the_learner_nor_the_ledger(office: Office) -> None:
    position, fingerprint = office.ledger.position(), office.desk.learners["hashed-ensemble"].fingerprint()
    office.desk.explain(mail_about("billing", 999), "billing")
    assert (office.ledger.position(), office.desk.learners["hashed-ensemble"].fingerprint()) == (position, fingerprint)


def test_a_damaged_mail_of_a_reader_is_shown_without_what_no_screen_can_show() -> None:
    email = Email("m", NOON, "", "", "over\ud800due invoice\x00\x07 now", None, 1)
    learner = a_learner(billing=email.body, support="router")
    told = strongest_words(learner, {"subject": email.subject, "body": email.body}, learner.classes, "billing", 9)
    assert all(word.isprintable() for word in told)
    "".join(told).encode()
