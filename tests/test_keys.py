"""Keys: what is drawn and named with them is stable, separate by purpose, and nothing shows the secret."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.adapters.key_file import load_or_create
from triage_cl.domain.errors import BadSettings
from triage_cl.privacy.keys import Keys
from triage_cl.privacy.pseudonyms import pseudonymous_sender

KEYS = Keys.from_seed(7)


def test_the_same_seed_gives_the_same_keys():
    assert Keys.from_seed(7) == KEYS
    assert Keys.from_seed(8) != KEYS


def test_fresh_keys_differ():
    assert Keys.fresh() != Keys.fresh()


def test_keys_survive_being_written_as_hexadecimal_digits():
    assert Keys.from_hex(KEYS.hex()) == KEYS


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Keys(b"short")


def test_the_secret_does_not_show():
    assert KEYS.hex() not in repr(KEYS)
    assert repr(KEYS.master) not in repr(KEYS)


def test_each_purpose_has_a_subkey_of_its_own():
    assert len({KEYS.subkey("draws"), KEYS.subkey("audit"), KEYS.master}) == 3


def test_a_draw_is_the_same_each_time_and_differs_by_purpose_id_and_key():
    draw = KEYS.uniform("review", "a")
    assert draw == KEYS.uniform("review", "a")
    others = {KEYS.uniform("shadow", "a"), KEYS.uniform("review", "b"), Keys.from_seed(8).uniform("review", "a")}
    assert draw not in others
    assert len(others) == 3


@given(st.text(), st.text())
def test_a_draw_lies_between_zero_and_one(purpose: str, id: str):
    assert 0 <= KEYS.uniform(purpose, id) < 1


def test_draws_are_spread_evenly():
    draws = sorted(KEYS.uniform("review", str(number)) for number in range(4000))
    largest_gap = max(abs(draw - (rank + 0.5) / 4000) for rank, draw in enumerate(draws))
    assert largest_gap < 1.95 / 4000**0.5  # Kolmogorov-Smirnov, one in a thousand


@given(st.text())
def test_names_are_keyed_stable_and_of_fixed_form(text: str):
    assert KEYS.identify(text) == KEYS.identify(text)
    assert len(bytes.fromhex(KEYS.identify(text))) == 16
    assert len(bytes.fromhex(KEYS.pseudonym(text))) == 8
    assert not KEYS.identify(text).startswith(KEYS.pseudonym(text))
    assert KEYS.identify(text) != Keys.from_seed(8).identify(text)


def test_senders_of_one_domain_share_the_part_after_the_at():
    ann, bob, eve = (pseudonymous_sender(KEYS, address) for address in ("ann@a.org", "bob@a.org", "ann@b.org"))
    assert ann.partition("@")[2] == bob.partition("@")[2] != eve.partition("@")[2]
    assert len({ann.partition("@")[0], bob.partition("@")[0], eve.partition("@")[0]}) == 3


@pytest.mark.parametrize("written", ["ANN@A.ORG", " ann@a.org ", "<ann@a.org>", "ａｎｎ@a.org"])
def test_one_address_has_one_pseudonym_however_it_is_written(written: str):
    assert pseudonymous_sender(KEYS, written) == pseudonymous_sender(KEYS, "ann@a.org")


def test_no_sender_has_no_pseudonym():
    assert pseudonymous_sender(KEYS, "") == pseudonymous_sender(KEYS, " <> ") == ""


def test_a_sender_without_a_domain_has_one_part():
    assert pseudonymous_sender(KEYS, "MAILER-DAEMON") == KEYS.pseudonym("mailer-daemon")
    assert pseudonymous_sender(KEYS, "ann@") == KEYS.pseudonym("ann@")


@given(st.from_regex(r"[a-z]{3,12}@[a-z]{3,12}\.org", fullmatch=True))
def test_a_pseudonym_tells_nothing_of_the_address(address: str):
    local, _, domain = address.partition("@")
    assert local not in pseudonymous_sender(KEYS, address)
    assert domain not in pseudonymous_sender(KEYS, address)


def test_the_key_file_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path):
    path = tmp_path / "data" / "key"
    keys = load_or_create(path)
    assert load_or_create(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


def test_processes_that_make_the_key_file_at_once_get_the_same_keys(tmp_path: Path):
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(load_or_create, [tmp_path / "key"] * 64))
    assert set(made) == {load_or_create(tmp_path / "key")}


@pytest.mark.parametrize("content", ["", "not a key\n", "ab" * 31, "ä"])
def test_a_file_that_holds_no_key_is_never_overwritten(tmp_path: Path, content: str):
    path = tmp_path / "key"
    path.write_text(content, "utf-8")
    with pytest.raises(BadSettings, match="no key file"):
        load_or_create(path)
    assert path.read_text("utf-8") == content


def test_a_key_file_that_cannot_be_made_is_an_error_that_says_why(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match="cannot be read or created"):
        load_or_create(tmp_path / "file" / "key")
