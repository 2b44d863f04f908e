from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from triage_cl.learning.dense import SCATTER_LESSONS
from triage_cl.learning.ensemble import HashedEnsemble
from triage_cl.learning.hashing import Features, describe
from triage_cl.learning.joined import JoinedEnsemble
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import RECIPES, find_recipe
from triage_cl.learning.vectors import VectorExperts

KEY = b"a key of thirty-two bytes or so."
DIMENSIONS = 6
TOPICS = {"billing": ["invoice", "refund"], "it": ["password", "printer"], "legal": ["contract", "court"]}
RECIPE = find_recipe("hashed-sentence")

Lesson = tuple[Features, str]


def vector_of(department: str, chance: np.random.Generator) -> NDArray[np.float32]:
    """Near what an encoder would make of such mail: of length 1, rounded to float16, the same on every machine."""
    about = 6.0 * np.eye(DIMENSIONS)[list(TOPICS).index(department)] + chance.integers(-3, 4, DIMENSIONS)
    vector: NDArray[np.float32] = (about / np.sqrt((about * about).sum())).astype(np.float16).astype(np.float32)
    return vector


def lesson(department: str, seed: int, encoded: bool = True, said: bool = True) -> Lesson:
    """A mail of a department, with or without a vector, in words that tell its topic or in words of its own."""
    chance = np.random.default_rng(seed)
    words = [str(word) for word in chance.choice(TOPICS[department], 2)] if said else [f"w{seed}x", f"w{seed}y"]
    features = describe(KEY, {"subject": "a question", "body": f"please help with {' '.join(words)}"})
    vectors = {"sentence": vector_of(department, chance)} if encoded else {}
    return replace(features, vectors=vectors), department


def lessons(count: int, said: bool = True, start: int = 0) -> list[Lesson]:
    departments = list(TOPICS)
    return [lesson(departments[seed % 3], seed, said=said) for seed in range(start, start + count)]


def joined(taught: list[Lesson]) -> JoinedEnsemble:
    model = JoinedEnsemble("sentence", KEY)
    for features, department in taught:
        model.learn(features, department)
    return model


def learner(taught: list[Lesson], encoder: str = "an encoder") -> Learner:
    made = Learner(RECIPE, KEY, encoder=encoder)
    for position, (features, department) in enumerate(taught, start=1):
        made.learn(position, features, department, float(position % 3))
    return made


def hits(model: JoinedEnsemble | HashedEnsemble, trial: list[Lesson]) -> int:
    found = model.probabilities([features for features, _ in trial]).argmax(axis=1)
    return sum(model.classes[column] == department for column, (_, department) in zip(found, trial, strict=True))


some_lessons = st.lists(
    st.builds(lesson, st.sampled_from(list(TOPICS)), st.integers(0, 50), st.booleans(), st.booleans()), max_size=25
)
laws = settings(max_examples=60, deadline=None)


@laws
@given(some_lessons, some_lessons)
def test_a_batch_gives_the_same_bits_as_one_mail_at_a_time(taught: list[Lesson], asked: list[Lesson]) -> None:
    model = joined(taught)
    features = [features for features, _ in asked]
    alone = [model.probabilities([each])[0].tolist() for each in features]
    assert model.probabilities(features).tolist() == alone


@laws
@given(some_lessons, some_lessons)
def test_probabilities_sum_to_one(taught: list[Lesson], asked: list[Lesson]) -> None:
    believed = joined(taught).probabilities([features for features, _ in asked])
    assert believed.shape == (len(asked), len({department for _, department in taught}))
    assert (believed >= 0).all()
    if taught:
        assert believed.sum(axis=1) == pytest.approx(np.ones(len(asked)))


@laws
@given(some_lessons, some_lessons)
def test_what_is_restored_goes_on_as_what_was_kept(taught: list[Lesson], later: list[Lesson]) -> None:
    kept = learner(taught)
    restored = Learner.restore(kept.snapshot(), KEY)
    assert (restored.fingerprint(), restored.snapshot()) == (kept.fingerprint(), kept.snapshot())
    for position, (features, department) in enumerate(later, start=1_000):
        for each in (kept, restored):
            each.learn(position, features, department)
    asked = [features for features, _ in taught + later]
    assert restored.probabilities(asked).tolist() == kept.probabilities(asked).tolist()
    assert restored.fingerprint() == kept.fingerprint()


@laws
@given(some_lessons)
def test_asking_teaches_nothing(taught: list[Lesson]) -> None:
    curious = learner([])
    for position, (features, department) in enumerate(taught, start=1):
        curious.probabilities([features])
        curious.contributions(features)
        curious.learn(position, features, department, float(position % 3))
        curious.probabilities([features])
    assert curious.fingerprint() == learner(taught).fingerprint()


@laws
@given(some_lessons, some_lessons)
def test_a_mail_without_a_vector_is_decided_on_its_words_alone(taught: list[Lesson], asked: list[Lesson]) -> None:
    hashed = HashedEnsemble(key=KEY)
    for features, department in taught:
        hashed.learn(features, department)
    nothing = {"sentence": np.zeros(DIMENSIONS, np.float32)}
    bare = [replace(features, vectors={}) for features, _ in asked]
    blank = [replace(features, vectors=nothing) for features, _ in asked]
    model, expected = joined(taught), hashed.probabilities(bare).tolist()
    assert model.classes == hashed.classes
    assert model.probabilities(bare).tolist() == expected
    assert model.probabilities(blank).tolist() == expected


def test_a_fold_makes_the_same_state_on_every_machine() -> None:
    taught = [*lessons(100), lesson("it", 200, encoded=False), *lessons(100, said=False, start=300)]
    assert learner(taught).fingerprint() == "0e24364d54c6677f7f1e75382b7799f0f23f6bf2832c6ac9d1b36803644b67f9"


def test_another_order_is_another_fold() -> None:
    assert learner(lessons(9)).fingerprint() != learner(lessons(9)[::-1]).fingerprint()


def test_a_department_is_learned_when_it_is_first_taught() -> None:
    model = joined([lesson("billing", 1), lesson("it", 2, encoded=False)])
    assert model.classes == ["billing", "it"]
    for seed in range(10, 30):
        model.learn(*lesson("legal", seed, said=False))
        model.learn(*lesson("it", seed + 50, said=False))
    assert model.classes == ["billing", "it", "legal"]
    assert hits(model, [lesson("legal", seed, said=False) for seed in range(100, 150)]) > 45
    assert hits(model, [lesson("it", seed, said=False) for seed in range(100, 150)]) > 45


def test_vectors_tell_what_words_that_were_never_taught_mean() -> None:
    trial = lessons(60, said=False, start=600)
    hashed = HashedEnsemble(key=KEY)
    for features, department in lessons(30, said=False):
        hashed.learn(features, department)
    assert hits(joined(lessons(30, said=False)), trial) > 54 > hits(hashed, trial)


def test_words_count_where_vectors_say_nothing() -> None:
    chance = np.random.default_rng(0)

    def misled(features: Features) -> Features:
        return replace(features, vectors={"sentence": vector_of(str(chance.choice(list(TOPICS))), chance)})

    model = joined([(misled(features), department) for features, department in lessons(300)])
    trial = [(misled(features), department) for features, department in lessons(60, start=600)]
    assert hits(model, trial) > 54


@laws
@given(st.lists(st.tuples(st.sampled_from(range(3)), st.integers(0, 50)), min_size=1, max_size=40))
def test_the_scatter_is_that_of_its_definition(taught: list[tuple[int, int]]) -> None:
    experts = VectorExperts()
    vectors = [vector_of(list(TOPICS)[each], np.random.default_rng(seed)) for each, seed in taught]
    for vector, (each, _) in zip(vectors, taught, strict=True):
        experts.learn(vector, np.array([each]), 3)
    scatter = np.eye(DIMENSIONS) * SCATTER_LESSONS / DIMENSIONS
    state = experts.state()
    for each in range(3):
        own = np.array([vector for vector, (one, _) in zip(vectors, taught, strict=True) if one == each], np.float64)
        if own.size:
            assert state["vector_means"][:, each + 1] == pytest.approx(own.mean(axis=0))
            scatter += (own - own.mean(axis=0)).T @ (own - own.mean(axis=0))
    assert state["vector_means"][:, 0] == pytest.approx(np.mean(vectors, axis=0))
    assert state["vector_inverse"] == pytest.approx(np.linalg.inv(scatter))
    assert state["vector_solved"] == pytest.approx(np.linalg.inv(scatter) @ state["vector_means"])


def test_vectors_of_another_length_are_refused() -> None:
    model = joined(lessons(3))
    before = model.state()
    other = replace(lessons(1)[0][0], vectors={"sentence": np.ones(DIMENSIONS + 1, np.float32)})
    with pytest.raises(ValueError, match="another encoder's"):
        model.probabilities([other])
    with pytest.raises(ValueError, match="another encoder's"):
        model.learn(other, "new")
    assert model.classes == ["billing", "it", "legal"]
    assert before[1] == model.state()[1]


def test_learners_of_different_encoders_have_different_fingerprints() -> None:
    assert learner(lessons(5)).fingerprint() != learner(lessons(5), "another encoder").fingerprint()


def test_a_snapshot_tells_the_encoder() -> None:
    assert Learner.restore(learner(lessons(5)).snapshot(), KEY).encoder == "an encoder"


@pytest.mark.parametrize("name", ["hashed-static", "hashed-sentence"])
def test_a_recipe_learns_from_the_vectors_that_it_names(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.vectors is not None
    model = recipe.make(KEY)
    assert isinstance(model, JoinedEnsemble)
    assert model.kind == recipe.vectors
    assert name == f"hashed-{recipe.vectors}"
