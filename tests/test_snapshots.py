import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage_cl.domain.errors import BadSnapshot
from triage_cl.learning.ensemble import HashedEnsemble
from triage_cl.learning.hashing import describe
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import Recipe, find_recipe
from triage_cl.learning.snapshots import Header, fingerprint_of, key_id, read_header, read_snapshot, write_snapshot

KEY = b"a key of thirty-two bytes or so."


@cache
def saved() -> bytes:
    learner = Learner(find_recipe("hashed-ensemble"), KEY, start=2)
    for position, (body, department) in enumerate([("refund please", "billing"), ("new laptop", "it")], start=3):
        learner.learn(position, describe(KEY, {"body": body}), department)
    learner.through = learner.as_of = 9
    return learner.snapshot()


def rewritten(**changes: object) -> bytes:
    """The snapshot with another header, as a program that means it would write it."""
    header, arrays = read_snapshot(saved(), KEY)
    header = replace(header, **changes)
    return write_snapshot(replace(header, fingerprint=fingerprint_of(header, arrays)), arrays)


def test_a_header_can_be_read_alone() -> None:
    header = read_header(saved())
    assert (header.recipe, header.recipe_version, header.key_id) == ("hashed-ensemble", 1, key_id(KEY))
    assert (header.start, header.through, header.as_of, header.lessons) == (2, 9, 9, 2)
    assert header.fingerprint == Learner.restore(saved(), KEY).fingerprint()


def test_positions_come_back() -> None:
    learner = Learner.restore(saved(), KEY)
    assert (learner.start, learner.through, learner.as_of, learner.taught) == (2, 9, 9, {"billing": 1, "it": 1})


def test_the_same_learner_gives_the_same_bytes() -> None:
    assert rewritten() == saved() == Learner.restore(saved(), KEY).snapshot()


def test_neither_key_nor_words_are_in_it() -> None:
    assert KEY not in saved()
    assert b"refund" not in saved()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_anywhere_is_noticed(data: st.DataObject) -> None:
    whole = saved()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
    with pytest.raises(BadSnapshot):
        Learner.restore(damaged, KEY)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_part_is_no_snapshot(data: st.DataObject) -> None:
    with pytest.raises(BadSnapshot):
        Learner.restore(saved()[: data.draw(st.integers(0, len(saved()) - 1))], KEY)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x02" + bytes(7) + b"{}", b"\x02" + bytes(7) + b"[]", bytes(100)])
def test_other_bytes_are_no_snapshot(data: bytes) -> None:
    with pytest.raises(BadSnapshot, match="no readable header"):
        read_header(data)


def test_a_changed_position_is_noticed() -> None:
    length = int.from_bytes(saved()[:8], "little")
    header = json.loads(saved()[8 : 8 + length])
    ours = json.loads(header["__metadata__"]["triage"])
    ours["header"]["through"] = 8
    header["__metadata__"]["triage"] = json.dumps(ours)
    text = json.dumps(header).encode()
    with pytest.raises(BadSnapshot, match="header is damaged"):
        Learner.restore(len(text).to_bytes(8, "little") + text + saved()[8 + length :], KEY)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"format_version": 99}, "format 99"),
        ({"features_version": 99}, "version 99"),
        ({"recipe": "cake"}, "no recipe 'cake'"),
        ({"recipe_version": 99}, "of version 99"),
        ({"values": {"classes": ["billing"], "lessons": 2}}, "not those of 'hashed-ensemble'"),
        ({"values": {"classes": ["billing", "it"]}}, "not those of 'hashed-ensemble'"),
    ],
)
def test_what_this_program_does_not_fold_is_refused(changes: dict[str, object], detail: str) -> None:
    with pytest.raises(BadSnapshot, match=detail):
        Learner.restore(rewritten(**changes), KEY)


def test_another_key_is_refused() -> None:
    with pytest.raises(BadSnapshot, match=key_id(b"another")):
        Learner.restore(saved(), b"another")


def test_arrays_of_another_recipe_are_refused() -> None:
    header, _ = read_snapshot(saved(), KEY)
    arrays = {"weights": np.zeros(3)}
    crafted = write_snapshot(replace(header, fingerprint=fingerprint_of(header, arrays)), arrays)
    with pytest.raises(BadSnapshot, match="not those of"):
        Learner.restore(crafted, KEY)


def test_a_header_of_its_own_needs_no_entries_beyond_the_learner_s() -> None:
    empty = Learner(Recipe("mine", 1, "online", "", lambda key: HashedEnsemble(key)), KEY).snapshot()
    assert read_header(empty) == Header(
        recipe="mine",
        recipe_version=1,
        key_id=key_id(KEY),
        start=0,
        through=0,
        as_of=0,
        taught={},
        values={"classes": [], "retired": [], "lessons": 0},
        fingerprint=read_header(empty).fingerprint,
    )
