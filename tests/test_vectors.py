"""What encoders make of mails is stored once and read by every fold, and goes with the text."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.builders import NOON, NOW, a_correction, after, an_admission, an_email
from tests.office import an_office, department_of
from tests.word_encoder import WordEncoder, word_encoders
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.adapters.sql.retention import forget_texts
from triage_cl.adapters.sql.schema import vectors
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.errors import BadSettings
from triage_cl.usecases.encode import EncodedAhead
from triage_cl.usecases.learn import fold, follow
from triage_cl.usecases.retrain import ensure_champion, standing_at
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.triage import Desk

RECIPE = "hashed-sentence"
KEY = b"k" * 32
TEXTS = {"invoice": "the invoice is wrong", "router": "the router is broken"}


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def ledger(ledger_url: str, encoder: WordEncoder) -> Iterator[Ledger]:
    """A ledger with an encoder, on each kind of database in turn."""
    with closing(Ledger(ledger_url, encoders=word_encoders(encoder))) as ledger:
        yield ledger


def admit(ledger: Ledger, *ids: str) -> list[str]:
    """Mails without vectors, as they are from before an encoder was set."""
    admissions = [an_admission(id, email={"body": TEXTS.get(id, id)}) for id in ids]
    return ledger.admit(admissions, NOW) or []


def stored(ledger: Ledger) -> dict[tuple[str, str], bytes]:
    with ledger.engine.connect() as connection:
        rows = connection.execute(vectors.select()).all()
    return {(row.email_id, row.encoder): row.vector for row in rows}


def test_a_vector_is_made_once_and_then_read(ledger: Ledger, encoder: WordEncoder) -> None:
    admit(ledger, *TEXTS)
    mails = list(ledger.emails(list(TEXTS)).values())
    made = ledger.vectors(mails, "sentence")
    assert len(encoder.encoded) == 2
    again = ledger.vectors(mails, "sentence")
    assert len(encoder.encoded) == 2
    assert {id: vector.tobytes() for id, vector in made.items()} == {id: v.tobytes() for id, v in again.items()}
    assert stored(ledger).keys() == {(id, encoder.digest) for id in TEXTS}


def test_a_mail_that_the_ledger_has_not_leaves_nothing_there(ledger: Ledger) -> None:
    admit(ledger, "invoice")
    found = ledger.vectors([an_email("invoice"), an_email("somebody-else-s")], "sentence")
    assert found.keys() == {"invoice", "somebody-else-s"}
    assert {id for id, _ in stored(ledger)} == {"invoice"}


def test_of_two_that_make_a_vector_at_once_both_get_the_one_that_is_stored(ledger: Ledger, ledger_url: str) -> None:
    class Overtaken(WordEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            with closing(Ledger(ledger_url, encoders=word_encoders(WordEncoder()))) as other:
                other.vectors([an_email("invoice", body=TEXTS["invoice"])], "sentence")
            return -super().encode(texts)

    admit(ledger, "invoice")
    mail = ledger.emails(["invoice"])["invoice"]
    with closing(Ledger(ledger_url, encoders=word_encoders(Overtaken()))) as late:
        mine = late.vectors([mail], "sentence")["invoice"]
    [row] = stored(ledger).values()
    assert row == mine.astype("<f2").tobytes()
    assert np.array_equal(mine, ledger.vectors([mail], "sentence")["invoice"])


def test_a_vector_goes_with_its_text(ledger: Ledger, encoder: WordEncoder) -> None:
    admit(ledger, *TEXTS)
    ledger.append([a_correction("invoice")], NOON)
    ledger.vectors(list(ledger.emails(list(TEXTS)).values()), "sentence")
    assert forget_texts(ledger.engine, after(days=1)) == 1
    assert stored(ledger).keys() == {("invoice", encoder.digest)}
    ledger.vectors([an_email("router")], "sentence")
    assert stored(ledger).keys() == {("invoice", encoder.digest)}


def test_a_recipe_whose_encoder_is_not_set_says_which_setting_is_missing(ledger_url: str) -> None:
    with closing(Ledger(ledger_url)) as ledger, pytest.raises(BadSettings, match="encoder: a recipe needs it"):
        fold(ledger, RECIPE, KEY, 0, 0, 0)


# Deciding and learning


def test_a_decided_mail_is_stored_with_the_vector_that_it_was_decided_by(
    ledger: Ledger, encoder: WordEncoder, tmp_path: Path
) -> None:
    office = an_office(ledger, tmp_path, share=1.0, recipe=RECIPE)
    decisions = office.triage(4)
    assert stored(ledger).keys() == {(decision.email_id, encoder.digest) for decision in decisions}
    assert len(encoder.encoded) == len(decisions)
    office.answer(decisions)
    office.triage(2, first=4)
    assert office.desk.learners[RECIPE].lessons == len(decisions)
    assert len(encoder.encoded) == len(decisions) + 6
    assert len(stored(ledger)) == len(decisions) + 6


def test_recipes_without_vectors_never_ask_the_encoder(ledger: Ledger, encoder: WordEncoder, tmp_path: Path) -> None:
    office = an_office(ledger, tmp_path, share=1.0)
    office.answer(office.triage(3))
    office.triage(3, first=3)
    assert encoder.encoded == []
    assert stored(ledger) == {}


def test_a_fold_reads_what_was_stored_whatever_the_encoder_would_say_now(ledger: Ledger, tmp_path: Path) -> None:
    office = an_office(ledger, tmp_path, share=1.0, recipe=RECIPE)
    for first in (0, 5):
        office.answer(office.triage(5, first))
    office.desk.refresh()
    live = office.desk.learners[RECIPE]
    # The same digest on another processor: the last digits differ, or, here, all.
    drifted = WordEncoder()
    drifted.encode = lambda texts: -WordEncoder(seed=9).encode(texts)  # type: ignore[method-assign]
    ledger.encoders = word_encoders(drifted)
    again = fold(ledger, RECIPE, office.key, 0, live.through, live.as_of)
    assert again.lessons == live.lessons == 30
    assert again.fingerprint() == live.fingerprint()


def test_mail_from_before_the_encoder_is_encoded_for_the_first_fold_alone(ledger: Ledger, encoder: WordEncoder) -> None:
    ids = [f"{name}-{number}" for name in TEXTS for number in range(20)]
    admit(ledger, *ids)
    ledger.append([DepartmentAdded(name, name) for name in TEXTS], NOON)
    ledger.append([a_correction(id, department_of(id)) for id in ids], NOON)
    head = ledger.position()
    first = fold(ledger, RECIPE, KEY, 0, head, head)
    assert len(encoder.encoded) == len(ids)
    assert fold(ledger, RECIPE, KEY, 0, head, head).fingerprint() == first.fingerprint()
    half = fold(ledger, RECIPE, KEY, 0, head - 20, head - 20)
    assert follow(ledger, half).fingerprint() == first.fingerprint()
    assert len(encoder.encoded) == len(ids)


def test_a_learner_of_another_encoder_is_folded_again(ledger: Ledger, encoder: WordEncoder, tmp_path: Path) -> None:
    office = an_office(ledger, tmp_path, share=1.0, recipe=RECIPE)
    office.answer(office.triage(5))
    office.desk.refresh()
    before = office.desk.learners[RECIPE]
    snapshots = Snapshots(tmp_path / "kept")
    snapshots.save(before)
    version = standing_at(ledger).champion
    assert version is not None
    assert snapshots.load(ledger, version, office.key).fingerprint() == before.fingerprint()
    ledger.encoders = word_encoders(WordEncoder(seed=1))
    other = Desk(ledger, office.keys, snapshots)
    other.refresh()
    learner = other.learners[RECIPE]
    assert (before.encoder, learner.encoder) == (encoder.digest, WordEncoder(seed=1).digest)
    assert learner.fingerprint() != before.fingerprint()
    assert {digest for _, digest in stored(ledger)} == {before.encoder, learner.encoder}


# Registries, archives


def test_the_table_of_static_vectors_goes_along_with_a_version(ledger_url: str, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.mkdir()
    (table / "config.json").write_text("{}")
    static = WordEncoder("static")
    static.folder = table
    with closing(Ledger(ledger_url, encoders=word_encoders(static))) as ledger:
        office = an_office(ledger, tmp_path, recipe="hashed-static")
        version = ensure_champion(ledger, office.registry, "hashed-static", office.key, NOON)
    [kept] = (tmp_path / "registry").rglob("static_vectors")
    assert (kept / "config.json").read_text() == "{}"
    assert office.registry.snapshot(version.version)


def test_texts_that_were_encoded_ahead_are_not_encoded_again(encoder: WordEncoder) -> None:
    ahead = EncodedAhead(encoder)
    texts = [f"mail {number}" for number in range(600)]
    told: list[tuple[int, int]] = []
    ahead.prepare([*texts, *texts], lambda done, total: told.append((done, total)))
    assert told[-1] == (600, 600)
    assert np.array_equal(ahead.encode(texts[::-1]), WordEncoder().encode(texts[::-1]))
    assert ahead.encode([]).shape == (0, encoder.dimensions)
    assert len(encoder.encoded) == 600
    ahead.encode(["new"])
    assert encoder.encoded[600:] == ["new"]


def test_a_backtest_encodes_every_mail_once(tmp_path: Path, encoder: WordEncoder) -> None:
    from tests.test_backtest import a_message
    from triage_cl.adapters.folder_registry import FolderRegistry
    from triage_cl.domain.review import ReviewPolicy
    from triage_cl.usecases.backtest import Backtest
    from triage_cl.usecases.backtest_outcome import Options

    encoders = word_encoders(encoder)
    options = Options(ReviewPolicy(share=1.0), champion=RECIPE, delay=timedelta(0), retrain_every=timedelta(days=2))
    archive = [a_message(number) for number in range(120)]
    with closing(Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", durable=False, encoders=encoders)) as ledger:
        migrate(ledger.engine)
        simulated = Backtest(ledger, FolderRegistry(tmp_path / "registry"), archive, options)
        assert simulated.encoded == ["sentence"]
        encoders.remember("sentence").prepare(simulated.texts())
        assert len(encoder.encoded) == 120
        outcome = simulated.run()
    assert len(encoder.encoded) == 120
    assert outcome.lessons == 120
