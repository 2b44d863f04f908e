import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage_cl.learning.hashing import BUCKET_BITS, Features, describe, describe_many, pack
from triage_cl.learning.siphash import PADDING, keyed_hash
from triage_cl.learning.words import (
    BLOCKS,
    FINE_WORDS,
    MOST_OCCURRENCES,
    NUMBERS,
    PAIRS,
    PREFIXES,
    SUBJECT,
    SUBJECT_PAIRS,
    WORDS,
)

KEY = b"a key of thirty-two bytes or so."
WORD_64 = 2**64 - 1

any_text = st.text(st.characters(codec=None), max_size=200)
any_mail = st.dictionaries(st.sampled_from(["subject", "body", "sender", "thread"]), any_text)


def body(text: str) -> Features:
    return describe(KEY, {"body": text})


def shared(one: Features, other: Features) -> int:
    return np.intersect1d(one.indices, other.indices).size


def same(one: Features, other: Features) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("indices", "values", "bounds"))


def block(features: Features, number: int) -> list[int]:
    return features.indices[features.bounds[number] : features.bounds[number + 1]].tolist()


@settings(max_examples=200, deadline=None)
@given(any_mail)
def test_features_are_distinct_in_each_block(email: dict[str, str]) -> None:
    features = describe(KEY, email)
    assert (features.indices.dtype, features.values.dtype) == (np.uint32, np.float32)
    assert features.bounds[0] == 0
    assert features.bounds[BLOCKS] == features.indices.size == features.values.size
    for number in range(BLOCKS):
        assert len(block(features, number)) == len(set(block(features, number)))
    assert features.indices.max(initial=0) < 2**BUCKET_BITS
    assert (features.values >= 1).all()


@settings(max_examples=50, deadline=None)
@given(any_mail)
def test_the_order_of_the_fields_does_not_matter(email: dict[str, str]) -> None:
    assert same(describe(KEY, email), describe(KEY, dict(reversed(email.items()))))


@settings(max_examples=50, deadline=None)
@given(st.lists(any_mail, max_size=5))
def test_several_mails_are_described_one_by_one_and_packed_end_to_end(emails: list[dict[str, str]]) -> None:
    several = describe_many(KEY, emails)
    packed = pack(several)
    for i, email in enumerate(emails):
        here = slice(packed.starts[i], packed.starts[i + 1])
        assert same(describe(KEY, email), several[i])
        assert same(several[i], Features(packed.indices[here], packed.values[here], packed.bounds[i]))


def test_words_adjacent_pairs_and_beginnings_of_longer_words_are_features() -> None:
    features = body("refund of my invoice")
    assert [len(block(features, number)) for number in (WORDS, PAIRS, PREFIXES)] == [4, 3, 2]
    assert shared(features, body("invoice of my refund")) == 4 + 1 + 2
    assert shared(body("invoice"), body("invoices")) == 1


def test_beyond_the_first_words_only_words_count() -> None:
    long = body(" ".join(f"w{number:05}" for number in range(FINE_WORDS + 50)))
    assert [len(block(long, number)) for number in (WORDS, PAIRS)] == [FINE_WORDS + 50, FINE_WORDS - 1]


def test_prefixes_are_of_letters_whatever_their_bytes() -> None:
    assert shared(body("größerer"), body("größte")) == 1
    assert shared(body("договора"), body("договоры")) == 1


def test_numbers_are_one_feature_each_with_their_value() -> None:
    features = describe(KEY, {"body": "rent", "size": 12, "share": -0.5, "none": None, "nothing": 0, "odd": math.inf})
    assert sorted(features.values[features.bounds[NUMBERS] :].tolist()) == [-0.5, 12.0]
    assert same(describe(KEY, {"body": "rent", "none": None}), body("rent"))


def test_a_repeated_word_counts_one_plus_the_logarithm() -> None:
    assert body("rent rent rent").values.tolist() == pytest.approx([1 + math.log(3), 1 + math.log(2)])


@pytest.mark.parametrize(
    "written", ["Hello, WORLD!", "“hello” – world…", "ｈｅｌｌｏ　world", "hello\u00a0world\u2028"]
)
def test_case_punctuation_and_width_do_not_matter(written: str) -> None:
    assert same(body(written), body("hello world"))


@pytest.mark.parametrize("word", ["größe", "привет", "déjà", "नमस्ते", "שלום", "안녕하세요"])
def test_words_of_every_alphabet_stay_whole(word: str) -> None:
    assert len(block(body(word), WORDS)) == 1


def test_scripts_without_spaces_give_characters_and_their_pairs() -> None:
    assert body("東京都").indices.size == 3 + 2
    assert shared(body("昨日東京都へ"), body("東京都の天気")) == 3 + 2


def test_a_word_of_the_subject_counts_as_its_own_and_as_one_of_the_body() -> None:
    features = describe(KEY, {"subject": "rent due"})
    assert [len(block(features, number)) for number in (SUBJECT, WORDS, SUBJECT_PAIRS)] == [2, 2, 1]
    assert shared(features, body("rent due")) == 2
    assert describe(KEY, {"subject": "rent", "body": "rent"}).values[0] == pytest.approx(1 + math.log(2))


def test_a_thread_is_one_feature() -> None:
    assert describe(KEY, {"thread": "a conversation"}).indices.size == 1


def test_a_sender_is_the_whole_address_and_its_domain() -> None:
    ann, bob, eve = (
        describe(KEY, {"sender": who}) for who in ("ann@one.example", "bob@one.example", "eve@two.example")
    )
    assert ann.indices.size == 2
    assert shared(ann, bob) == 1
    assert shared(ann, eve) == 0


def test_another_key_puts_words_elsewhere() -> None:
    email = {"body": "where does it go", "sender": "ann@one.example"}
    assert shared(describe(b"one", email), describe(b"other", email)) == 0


@pytest.mark.parametrize("email", [{}, {"body": ""}, {"body": "… !", "sender": ""}])
def test_a_mail_without_words_has_no_features(email: dict[str, str]) -> None:
    assert describe(KEY, email).indices.size == 0


def test_an_endless_mail_is_cut_and_its_subject_kept() -> None:
    endless = " ".join(map(str, range(300_000)))
    features = describe(KEY, {"body": endless, "subject": "refund"})
    assert features.indices.size <= MOST_OCCURRENCES
    assert shared(features, describe(KEY, {"subject": "refund"})) == 3
    assert body("語" * 500_000).indices.size == 2


@pytest.mark.parametrize("letters", ["\ufdfa", "a\u0301\u0316", "\u0316", "\U0001d400"])
def test_letters_that_are_slow_to_normalise_are_described(letters: str) -> None:
    assert body(letters * 200_000).indices.size


def test_a_key_and_a_mail_have_the_same_features_for_ever() -> None:
    features = describe(b"key", {"subject": "Rent", "body": "größe 東京", "sender": "ann@one.example"})
    assert features.indices.tolist() == [325282, 616857, 164857, 334867, 913162, 512856, 14740, 222141, 839115, 280927]


def rotated(x: int, by: int) -> int:
    return (x << by | x >> (64 - by)) & WORD_64


def sip_round(v: list[int]) -> None:
    for a, b, c, d, left, right in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
        v[a] = (v[a] + v[b]) & WORD_64
        v[c] = (v[c] + v[d]) & WORD_64
        v[b] = rotated(v[b], left) ^ v[a]
        v[d] = rotated(v[d], right) ^ v[c]
        v[a] = rotated(v[a], 32)


def sip_hash(message: bytes, k0: int, k1: int, compressing: int, finishing: int) -> int:
    """SipHash as its paper describes it, for comparison."""
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) & 0xFF])
    for start in range(0, len(padded), 8):
        block = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= block
        for _ in range(compressing):
            sip_round(v)
        v[0] ^= block
    v[2] ^= 0xFF
    for _ in range(finishing):
        sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_the_comparison_gives_the_value_in_the_paper() -> None:
    key = bytes(range(16))
    halves = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    assert sip_hash(bytes(range(15)), *halves, 2, 4) == 0xA129CA6149BE45E5


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.integers(0, WORD_64), st.integers(0, WORD_64))
def test_the_keyed_hash_is_siphash_1_3(message: bytes, k0: int, k1: int) -> None:
    text = np.frombuffer(b"#" + message + b"#" * PADDING, np.uint8)
    hashed = keyed_hash(text, 1, 1 + len(message), np.uint64(k0), np.uint64(k1))
    assert int(hashed) == sip_hash(message, k0, k1, 1, 3)
