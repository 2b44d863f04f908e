"""The online learner as a classifier of River's: its checks, its pipelines, its evaluation."""

import copy
import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import checks, compose, datasets, evaluate, feature_extraction, metrics, preprocessing
from river.base import MiniBatchClassifier
from river.ensemble import BaggingClassifier

from triage_cl.learning.ensemble import HashedEnsemble
from triage_cl.synthesis.labelled_mail import short_mail

Text = dict[str, Any]

#: Checks of River's that are left out, with the reason. There is none.
LEFT_OUT: dict[str, str] = {}

CHECKS = [check for check in checks.yield_checks(HashedEnsemble()) if check.__name__ not in LEFT_OUT]

WORDS = st.sampled_from(["invoice", "refund", "laptop", "vacancy", "grüße", "発注", "", "please pay the invoice now"])
TEXTS = st.fixed_dictionaries({"subject": WORDS, "body": WORDS, "sender": WORDS, "size": st.integers(-2, 2)})


def mails(count: int = 400) -> list[tuple[Text, str]]:
    return [({"subject": mail.subject, "body": mail.body}, mail.label) for mail in short_mail(seed=5, mails=count)]


def states_equal(one: HashedEnsemble, other: HashedEnsemble) -> bool:
    (arrays, values), (other_arrays, other_values) = one.state(), other.state()
    return values == other_values and all(arrays[name].tobytes() == other_arrays[name].tobytes() for name in arrays)


def shown_one_by_one(model: Any, lessons: list[tuple[Text, Any]]) -> Any:
    for text, label in lessons:
        model.learn_one(text, label)
    return model


@pytest.mark.parametrize("check", CHECKS, ids=[f"{number} {check.__name__}" for number, check in enumerate(CHECKS)])
def test_river_s_own_checks_hold(check: Callable[[Any], None]) -> None:
    check(HashedEnsemble(bits=16))


def test_river_finds_nothing_to_be_left_out() -> None:
    assert HashedEnsemble()._unit_test_skips() == set()
    assert len(CHECKS) > 50
    checks.check_estimator(HashedEnsemble(bits=16))


def test_it_is_a_multiclass_classifier_in_batches() -> None:
    model = HashedEnsemble()
    assert isinstance(model, MiniBatchClassifier)
    assert (model._multiclass, model._supervised) == (True, True)


def test_river_evaluates_it_progressively() -> None:
    score = evaluate.progressive_val_score(iter(mails(1_000)), HashedEnsemble(), metrics.Accuracy())
    assert score.get() > 0.7


def test_river_evaluates_it_with_answers_that_come_late() -> None:
    lessons = ((text | {"moment": number}, label) for number, (text, label) in enumerate(mails()))
    model = compose.Discard("moment") | HashedEnsemble()
    score = evaluate.progressive_val_score(lessons, model, metrics.MacroF1(), moment="moment", delay=20)
    assert score.get() > 0.3


def test_log_loss_is_below_that_of_guessing() -> None:
    score = evaluate.progressive_val_score(iter(mails(1_000)), HashedEnsemble(), metrics.CrossEntropy())
    assert score.get() < math.log(9) / 2


@pytest.mark.parametrize(
    "pipeline",
    [
        lambda model: compose.Select("subject", "body") | model,
        lambda model: compose.FuncTransformer(lambda text: {"body": text["body"].upper()}) | model,
        lambda model: feature_extraction.BagOfWords(on="body") | model,
        lambda model: feature_extraction.TFIDF(on="body") | model,
        lambda model: (
            (compose.Select("subject") + feature_extraction.BagOfWords(on="body", ngram_range=(1, 2))) | model
        ),
    ],
    ids=["select", "function", "counts", "tfidf", "union"],
)
def test_it_learns_at_the_end_of_a_pipeline(pipeline: Callable[[Any], Any]) -> None:
    score = evaluate.progressive_val_score(iter(mails(600)), pipeline(HashedEnsemble()), metrics.Accuracy())
    assert score.get() > 0.5


def test_it_learns_scaled_numbers() -> None:
    model = preprocessing.StandardScaler() | HashedEnsemble()
    assert evaluate.progressive_val_score(datasets.Phishing(), model, metrics.Accuracy()).get() > 0.8
    model = preprocessing.StandardScaler() | HashedEnsemble()
    several = evaluate.progressive_val_score(datasets.ImageSegments().take(1_000), model, metrics.Accuracy())
    assert several.get() > 0.7


def test_it_can_be_bagged() -> None:
    model = BaggingClassifier(HashedEnsemble(bits=14), n_models=3, seed=1)
    assert evaluate.progressive_val_score(iter(mails()), model, metrics.Accuracy()).get() > 0.5


def test_a_clone_of_a_pipeline_knows_nothing() -> None:
    model = shown_one_by_one(compose.Select("body") | HashedEnsemble(rate=1.5), mails(50))
    clone = model.clone()
    assert clone["HashedEnsemble"].rate == 1.5
    assert clone.predict_one(mails(1)[0][0]) is None
    assert model.predict_one(mails(1)[0][0]) is not None


def test_a_copy_goes_its_own_way() -> None:
    lessons = mails(60)
    model = shown_one_by_one(HashedEnsemble(), lessons[:50])
    twin = shown_one_by_one(copy.deepcopy(model), lessons[50:])
    assert states_equal(model, shown_one_by_one(HashedEnsemble(), lessons[:50]))
    assert states_equal(twin, shown_one_by_one(HashedEnsemble(), lessons))


def test_its_rate_can_be_changed_while_it_learns() -> None:
    model = shown_one_by_one(HashedEnsemble(), mails(50))
    model.mutate({"rate": 0.0})
    before = model.state()[0]["weights"].sum()
    shown_one_by_one(model, mails(50))
    assert model.state()[0]["weights"].sum() == before
    with pytest.raises(ValueError, match="bits"):
        model.mutate({"bits": 10})


def test_a_class_may_come_at_any_time() -> None:
    model = shown_one_by_one(HashedEnsemble(), mails())
    before = set(model.classes)
    for _ in range(5):
        model.learn_one({"body": "Can I see the aardvark?"}, "zoo")
    assert set(model.predict_proba_one(mails(1)[0][0])) == before | {"zoo"}
    assert model.predict_one({"body": "the aardvark"}) == "zoo"


@pytest.mark.parametrize(
    "labels",
    [(True, False), (0, 7), (1.5, -2.5), ("a", b"a"), (("a", 1), ("a", 2)), (frozenset("a"), frozenset()), (None, "x")],
    ids=repr,
)
def test_labels_are_of_any_type_that_can_be_a_key(labels: tuple[Hashable, Hashable]) -> None:
    lessons = [({"body": "invoice"}, labels[0]), ({"body": "laptop"}, labels[1])] * 5
    model = shown_one_by_one(HashedEnsemble(), lessons)
    assert list(model.predict_proba_one({"body": "invoice"})) == list(labels)
    assert [model.predict_one(text) for text, _ in lessons[:2]] == list(labels)
    frame = pd.DataFrame([text for text, _ in lessons])
    assert model.predict_many(frame).tolist() == [model.predict_one(text) for text, _ in lessons]
    by_frame = HashedEnsemble()
    by_frame.learn_many(frame, pd.Series([label for _, label in lessons], dtype=object))
    assert states_equal(model, by_frame)


def test_labels_of_numpy_are_those_of_python() -> None:
    model = HashedEnsemble()
    model.learn_one({"body": "invoice"}, np.int64(3))
    model.learn_one({"body": "invoice"}, 3)
    assert model.classes == [3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.sampled_from("abc")), min_size=1, max_size=12), st.integers(1, 12))
def test_frames_teach_and_tell_the_same_bits_as_single_mails(lessons: list[tuple[Text, str]], size: int) -> None:
    alone = shown_one_by_one(HashedEnsemble(bits=12), lessons)
    by_frame = HashedEnsemble(bits=12)
    frame, labels = pd.DataFrame([text for text, _ in lessons]), pd.Series([label for _, label in lessons])
    for start in range(0, len(lessons), size):
        by_frame.learn_many(frame[start : start + size], labels[start : start + size])
    assert states_equal(alone, by_frame)
    told = by_frame.predict_proba_many(frame)
    assert told.to_dict("records") == [alone.predict_proba_one(text) for text, _ in lessons]
    assert by_frame.predict_many(frame).tolist() == [alone.predict_one(text) for text, _ in lessons]


def test_a_pipeline_takes_frames_too() -> None:
    lessons = mails(100)
    frame, labels = pd.DataFrame([text for text, _ in lessons]), pd.Series([label for _, label in lessons])
    model = compose.Select("body") | HashedEnsemble()
    model.learn_many(frame, labels)
    alone = shown_one_by_one(compose.Select("body") | HashedEnsemble(), lessons)
    assert states_equal(model["HashedEnsemble"], alone["HashedEnsemble"])
    assert model.predict_many(frame).tolist() == [alone.predict_one(text) for text, _ in lessons]


GAPS: list[Text] = [
    {"subject": "invoice"},
    {"subject": "invoice", "body": None},
    {"subject": "invoice", "body": math.nan},
    {"subject": "invoice", "body": "", "size": None},
    {"subject": "invoice", "size": 0, "weight": math.inf},
    {"subject": "invoice", "urgent": False},
]


@pytest.mark.parametrize("text", GAPS, ids=repr)
def test_what_is_missing_says_nothing(text: Text) -> None:
    model = shown_one_by_one(HashedEnsemble(), mails(50))
    assert model.predict_proba_one(text) == model.predict_proba_one({"subject": "invoice"})
    model.learn_one(text, "billing")
    plain = shown_one_by_one(HashedEnsemble(), [*mails(50), ({"subject": "invoice"}, "billing")])
    assert states_equal(model, plain)


def test_a_gap_in_a_frame_says_nothing() -> None:
    model = shown_one_by_one(HashedEnsemble(), mails(50))
    frame = pd.DataFrame([{"subject": "invoice", "body": "of May"}, {"subject": "laptop"}])
    told = model.predict_proba_many(frame).to_dict("records")
    assert told[1] == model.predict_proba_one({"subject": "laptop"})


def test_nothing_at_all_is_decided_too() -> None:
    model = HashedEnsemble()
    assert (model.predict_one({}), model.predict_proba_one({})) == (None, {})
    model.learn_one({}, "billing")
    shown_one_by_one(model, mails(50))
    assert math.isclose(sum(model.predict_proba_one({}).values()), 1.0)


def test_what_is_neither_text_nor_number_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="'tags' is neither a text nor a number: list"):
        HashedEnsemble().learn_one({"body": "invoice", "tags": ["a"]}, "billing")
