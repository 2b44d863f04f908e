import math
import random
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage_cl.learning.arithmetic import exponential, logarithm
from triage_cl.learning.batch import HashedBatch
from triage_cl.learning.ensemble import HashedEnsemble
from triage_cl.learning.hashing import Features, describe
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import Model, find_recipe

KEY = b"a key of thirty-two bytes or so."
SUBJECTS = {
    "billing": ["invoice", "refund", "payment", "charge", "card", "receipt", "amount"],
    "it": ["password", "login", "laptop", "network", "printer", "error", "update"],
    "legal": ["contract", "clause", "notice", "court", "privacy", "consent", "claim"],
}
FILLER = [
    "please",
    "could",
    "you",
    "help",
    "me",
    "with",
    "the",
    "thing",
    "as",
    "soon",
    "possible",
    "thank",
    "kind",
    "regards",
]

Mail = dict[str, str]


def mails(count: int, seed: int = 0, mistaken: float = 0.0) -> Iterator[tuple[Mail, str]]:
    """Mail whose words tell the department; `mistaken` of the answers are drawn at random."""
    chance = random.Random(seed)
    for _ in range(count):
        department = chance.choice(list(SUBJECTS))
        words = chance.sample(SUBJECTS[department], 2) + chance.sample(FILLER, 8)
        chance.shuffle(words)
        answer = chance.choice(list(SUBJECTS)) if chance.random() < mistaken else department
        yield {"subject": "a question", "body": " ".join(words), "sender": "ann@one.example"}, answer


def lessons(count: int, seed: int = 0, mistaken: float = 0.0) -> list[tuple[Features, str]]:
    return [(describe(KEY, mail), department) for mail, department in mails(count, seed, mistaken)]


def taught(model: Model, count: int, seed: int = 0) -> Model:
    for features, department in lessons(count, seed):
        model.learn(features, department)
    return model


def states_equal(one: Model, other: Model) -> bool:
    (arrays, values), (other_arrays, other_values) = one.state(), other.state()
    return values == other_values and all(np.array_equal(arrays[name], other_arrays[name]) for name in arrays)


@settings(max_examples=300, deadline=None)
@given(st.floats(-690, 690))
def test_the_exponential_is_right(x: float) -> None:
    assert exponential(x) == pytest.approx(math.exp(x), rel=1e-12)


@settings(max_examples=300, deadline=None)
@given(st.floats(1e-300, 1e300))
def test_the_logarithm_is_right(x: float) -> None:
    assert logarithm(x) == pytest.approx(math.log(x), rel=1e-12, abs=1e-15)


def test_the_exponential_stays_finite_and_positive() -> None:
    assert 0 < exponential(-1e9) < exponential(1e9) < math.inf
    assert (exponential(0.0), logarithm(1.0)) == (1.0, 0.0)


@pytest.mark.parametrize("model", [HashedEnsemble(), HashedBatch()], ids=["online", "batch"])
def test_it_learns_what_words_tell(model: Model) -> None:
    taught(model, 200)
    trial = lessons(200, seed=1)
    predicted = model.probabilities([features for features, _ in trial]).argmax(axis=1)
    right = sum(model.classes[column] == department for column, (_, department) in zip(predicted, trial, strict=True))
    assert right > 180


def test_confidence_follows_reviewers_who_disagree() -> None:
    model = HashedEnsemble()
    confidences, hits = [], []
    for features, department in lessons(3_000, mistaken=0.6):
        if model.classes:
            [row] = model.probabilities([features])
            confidences.append(row.max())
            hits.append(model.classes[int(row.argmax())] == department)
        model.learn(features, department)
    assert float(np.mean(confidences[1_000:])) == pytest.approx(float(np.mean(hits[1_000:])), abs=0.05)


def test_room_never_changes_a_number() -> None:
    roomy = HashedEnsemble()
    roomy._weights.make_room(50_000, 100)
    roomy._counts.make_room(50_000, 100)
    assert states_equal(taught(HashedEnsemble(), 300), taught(roomy, 300))


def test_a_fold_makes_the_same_weights_on_every_machine() -> None:
    learner = Learner(find_recipe("hashed-ensemble"), KEY)
    for position, (features, department) in enumerate(lessons(300, mistaken=0.1), start=1):
        learner.learn(position, features, department)
    assert learner.fingerprint() == "e59d54c5e140bcec44af17af889faaf66f1ea04436d3beb4c2c771e3593846d3"


def test_features_no_lesson_had_are_told() -> None:
    model = taught(HashedEnsemble(), 100)
    texts = ("invoice", "please zzz card yyy", "zzz yyy", "")
    known, half, strange, empty = (describe(KEY, {"body": text}) for text in texts)
    assert model.unseen([known, half, strange, empty]) == [0.0, 5 / 8, 1.0, None]


def test_features_of_another_size_are_refused() -> None:
    beyond = Features(np.array([2**10], np.uint32), np.ones(1, np.float32), np.array([0, *[1] * 9], np.int32))
    model = HashedEnsemble(bits=10)
    with pytest.raises(ValueError, match="1024 buckets"):
        model.learn(beyond, "billing")
    with pytest.raises(ValueError, match="1024 buckets"):
        model.probabilities([beyond])


def test_river_s_way_in_gives_the_same_learner() -> None:
    by_text = HashedEnsemble(key=KEY)
    for mail, department in mails(100):
        by_text.learn_one(dict(mail), department)
    by_features = taught(HashedEnsemble(key=KEY), 100)
    assert states_equal(by_text, by_features)
    [(mail, department)] = mails(1, seed=1)
    believed = by_text.predict_proba_one(dict(mail))
    assert list(believed.values()) == by_features.probabilities([describe(KEY, mail)])[0].tolist()
    assert by_text.predict_one(dict(mail)) == department


def test_river_s_frames_give_the_same_as_one_mail_at_a_time() -> None:
    frame = pd.DataFrame([mail for mail, _ in mails(50)], index=range(100, 150))
    answers = pd.Series([department for _, department in mails(50)])
    model = HashedEnsemble(key=KEY)
    model.learn_many(frame, answers)
    assert states_equal(model, taught(HashedEnsemble(key=KEY), 50))
    believed = model.predict_proba_many(frame)
    assert list(believed.index) == list(frame.index)
    assert believed.to_dict("records") == [model.predict_proba_one(dict(mail)) for mail, _ in mails(50)]
    assert list(model.predict_many(frame)) == [model.predict_one(dict(mail)) for mail, _ in mails(50)]


def test_a_clone_has_the_settings_and_none_of_the_lessons() -> None:
    clone = taught(HashedEnsemble(key=KEY, rate=1.0, bits=16), 0).clone({"rate": 2.0})
    assert (clone.key, clone.rate, clone.bits, clone.classes) == (KEY, 2.0, 16, [])
    assert clone.predict_one({"body": "hello"}) is None


def test_a_retired_class_leaves_the_others_their_proportions_until_it_is_taught_again() -> None:
    model = taught(HashedEnsemble(key=KEY), 100)
    trial = [features for features, _ in lessons(10, seed=1)]
    before = model.probabilities(trial)
    model.retire("it")
    after = model.probabilities(trial)
    others = [column for column, name in enumerate(model.classes) if name != "it"]
    assert (after[:, model.classes.index("it")] == 0).all()
    assert after[:, others] == pytest.approx(before[:, others] / before[:, others].sum(axis=1, keepdims=True))
    restored = HashedEnsemble(key=KEY)
    restored.load(*model.state())
    assert np.array_equal(restored.probabilities(trial), after)
    model.learn(trial[0], "it")
    assert (model.probabilities(trial)[:, model.classes.index("it")] > 0).all()
    with pytest.raises(KeyError):
        model.retire("cake")


def test_only_answers_that_measure_move_the_calibration() -> None:
    imported, reviewed, rarely = HashedEnsemble(), HashedEnsemble(), HashedEnsemble()
    for features, department in lessons(200, mistaken=0.3):
        imported.learn(features, department, weight=0.0)
        reviewed.learn(features, department)
        rarely.learn(features, department, weight=20.0)
    trial = [features for features, _ in lessons(50, seed=1)]
    assert np.array_equal(imported._calibration[6:10], HashedEnsemble()._calibration[6:10])
    assert np.array_equal(reviewed._calibration[6:10], rarely._calibration[6:10])
    assert reviewed.probabilities(trial).max() < imported.probabilities(trial).max()


@pytest.mark.parametrize("label", [True, 7, ("a", 1), "text"])
def test_classes_are_of_any_type(label: object) -> None:
    model = HashedEnsemble()
    model.learn_one({"body": "hello"}, label)
    assert model.predict_one({"body": "hello"}) == label


def test_numbers_enter_as_they_are() -> None:
    model = HashedEnsemble()
    for i in range(40):
        model.learn_one(
            {"size": float(i % 2), "body": "hello", "missing": None, "broken": math.nan}, "large" if i % 2 else "small"
        )
    assert model.predict_one({"size": 1.0, "body": "hello"}) == "large"
    assert model.predict_one({"size": 0.0, "body": "hello"}) == "small"
    with pytest.raises(TypeError, match="'size' is neither"):
        model.predict_one({"size": [1.0]})


def test_the_key_does_not_show() -> None:
    assert "key" not in repr(HashedEnsemble(key=KEY))


def test_when_a_batch_learner_is_asked_does_not_matter() -> None:
    asked, silent = HashedBatch(), HashedBatch()
    for features, department in lessons(90):
        for model in (asked, silent):
            model.learn(features, department)
        asked.probabilities([features])
    assert states_equal(asked, silent)


def test_one_department_is_believed_at_once() -> None:
    for model in (HashedEnsemble(), HashedBatch()):
        [(features, _)] = lessons(1)
        model.learn(features, "billing")
        assert (model.classes, model.probabilities([features]).tolist()) == (["billing"], [[1.0]])


def test_no_lesson_is_learned_twice() -> None:
    [(features, department)] = lessons(1)
    learner = Learner(find_recipe("hashed-ensemble"), KEY, start=4)
    learner.learn(5, features, department)
    for position in (4, 5):
        with pytest.raises(ValueError, match="through 5"):
            learner.learn(position, features, department)
    assert (learner.start, learner.through, learner.as_of, learner.lessons) == (4, 5, 5, 1)
    assert learner.taught == {department: 1}


def test_the_same_lessons_have_the_same_fingerprint_wherever_they_stand() -> None:
    learners = [Learner(find_recipe("hashed-ensemble"), KEY) for _ in range(3)]
    for i, (features, department) in enumerate(lessons(20)):
        learners[0].learn(i + 1, features, department)
        learners[1].learn(10 * i + 7, features, department)
        learners[2].learn(i + 1, features, department if i else "another")
    learners[0].as_of = learners[0].through = 1_000
    assert learners[0].fingerprint() == learners[1].fingerprint() != learners[2].fingerprint()
