"""What holds for every recipe: a new entry in `RECIPES` is tested by being there."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage_cl.domain.errors import UnknownRecipe
from triage_cl.learning.hashing import Features, describe
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import DEFAULT_CHALLENGER, DEFAULT_RECIPE, RECIPES, find_recipe

KEY = b"a key of thirty-two bytes or so."
WORDS = ["invoice", "refund", "password", "laptop", "contract", "clause", "hello", "thanks", "tomorrow", "please"]

every_recipe = pytest.mark.parametrize("name", RECIPES)
lesson = st.tuples(st.lists(st.sampled_from(WORDS), max_size=6), st.sampled_from(["billing", "it", "legal"]))


def features(words: list[str]) -> Features:
    return describe(KEY, {"body": " ".join(words), "sender": "ann@one.example"})


def mails(count: int, seed: int) -> list[Features]:
    chance = random.Random(seed)
    return [features(chance.choices(WORDS, k=6)) for _ in range(count)]


def learner_of(name: str, lessons: int = 0) -> Learner:
    learner = Learner(find_recipe(name), KEY)
    teach(learner, lessons)
    return learner


def teach(learner: Learner, lessons: int, seed: int = 0) -> None:
    chance = random.Random(seed)
    for mail in mails(lessons, seed):
        learner.learn(learner.through + 1, mail, chance.choice(["billing", "it", "legal"]))


@every_recipe
def test_an_untaught_learner_predicts_nothing(name: str) -> None:
    learner = learner_of(name)
    assert learner.classes == []
    assert learner.probabilities(mails(3, 1)).shape == (3, 0)
    assert learner.probabilities([]).shape == (0, 0)
    assert len(learner.unseen(mails(3, 1))) == 3


@every_recipe
def test_a_batch_is_answered_as_if_one_by_one(name: str) -> None:
    learner = learner_of(name, 60)
    trial = [*mails(20, 1), features([])]
    one_by_one = np.vstack([learner.probabilities([mail]) for mail in trial])
    assert np.array_equal(learner.probabilities(trial), one_by_one)


@every_recipe
@settings(max_examples=15, deadline=None)
@given(taught=st.lists(lesson, min_size=1, max_size=12), asked=st.lists(st.sampled_from(WORDS), max_size=6))
def test_probabilities_are_a_row_that_sums_to_one(
    name: str, taught: list[tuple[list[str], str]], asked: list[str]
) -> None:
    learner = Learner(find_recipe(name), KEY)
    for position, (words, department) in enumerate(taught, start=1):
        learner.learn(position, features(words), department)
    [row] = learner.probabilities([features(asked)])
    assert row.size == len(learner.classes)
    assert (row >= 0).all()
    assert row.sum() == pytest.approx(1)


@every_recipe
@pytest.mark.parametrize("lessons", [0, 1, 5, 61])
def test_a_restored_learner_is_the_one_that_was_saved_and_goes_on_like_it(name: str, lessons: int) -> None:
    learner = learner_of(name, lessons)
    restored = Learner.restore(learner.snapshot(), KEY)
    assert restored.snapshot() == learner.snapshot()
    assert np.array_equal(restored.probabilities(mails(9, 1)), learner.probabilities(mails(9, 1)))
    for each in (learner, restored):
        teach(each, 40, seed=2)
        each.learn(each.through + 1, features(["hello"]), "a new department")
    assert restored.fingerprint() == learner.fingerprint()
    assert restored.snapshot() == learner.snapshot()


@every_recipe
def test_the_same_fold_twice_has_the_same_fingerprint(name: str) -> None:
    assert learner_of(name, 70).fingerprint() == learner_of(name, 70).fingerprint()
    assert learner_of(name, 70).fingerprint() != learner_of(name, 71).fingerprint()


@every_recipe
def test_a_department_can_appear_at_any_time(name: str) -> None:
    learner = learner_of(name, 30)
    for _ in range(30):
        learner.learn(learner.through + 1, features(["greenhouse", "tomatoes"]), "garden")
    [row] = learner.probabilities([features(["tomatoes"])])
    assert learner.classes[int(row.argmax())] == "garden"


@every_recipe
def test_another_process_with_other_threads_makes_the_same_learner(name: str) -> None:
    fingerprints = set()
    for hash_seed, threads in (("1", "1"), ("2", "4")):
        settings_ = {"PYTHONHASHSEED": hash_seed, "NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        program = f"import test_recipes; print(test_recipes.learner_of({name!r}, 70).fingerprint())"
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        environment = {**os.environ, **settings_, "OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        fingerprints.add(done.stdout.strip())
    assert fingerprints == {learner_of(name, 70).fingerprint()}


def test_the_defaults_are_recipes_and_differ() -> None:
    assert find_recipe(DEFAULT_RECIPE).kind == "online"
    assert find_recipe(DEFAULT_CHALLENGER) is not find_recipe(DEFAULT_RECIPE)


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownRecipe, match=r"'cake'.*hashed-ensemble"):
        find_recipe("cake")
