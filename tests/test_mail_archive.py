"""The mail archive: every good line is a mail, every bad one a reason, and none ends the reading."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.adapters.mail import archive
from triage_cl.adapters.mail.archive import ordered, read_archive
from triage_cl.domain.emails import Handover, Message, Unreadable
from triage_cl.domain.errors import BadArchiveLine, BadInput

NOON = datetime(2025, 3, 4, 12, tzinfo=UTC)


def read(folder: Path, *lines: object, strict: bool = False) -> list[Message | Unreadable]:
    """What an archive of these lines gives; objects are written as JSON, bytes as they are."""
    written = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path = folder / "mail.jsonl"
    path.write_bytes(b"\n".join(written) + b"\n")
    return list(read_archive(path, strict))


def message_in(folder: Path, **fields: Any) -> Message:
    (found,) = read(folder, {"body": "text", **fields})
    assert isinstance(found, Message)
    return found


def test_a_complete_line_is_read_completely(tmp_path: Path):
    message = message_in(
        tmp_path,
        id="a-17",
        received_at="2025-03-04T09:12:00Z",
        sender="Ann Lee <ann@example.org>",
        subject="Invoice",
        body="Where?",
        department="Billing",
        thread="t-1",
        history=[
            {"at": "2025-03-05T12:00:00+01:00", "department": "Billing"},
            {"at": "2025-03-04T09:15:00", "department": "Sales"},
        ],
        priority=3,
        channel="form",
        tags=["a", "ü"],
        nothing=None,
    )
    assert message == Message(
        source="mail.jsonl:1",
        key="a-17",
        sender="ann@example.org",
        subject="Invoice",
        body="Where?",
        received_at=datetime(2025, 3, 4, 9, 12, tzinfo=UTC),
        thread="t-1",
        department="Billing",
        history=(
            Handover(datetime(2025, 3, 4, 9, 15, tzinfo=UTC), "Sales"),
            Handover(datetime(2025, 3, 5, 11, tzinfo=UTC), "Billing"),
        ),
        metadata={"priority": "3", "channel": "form", "tags": '["a", "ü"]'},
    )


def test_a_short_line_is_unlabelled_mail_of_unknown_time(tmp_path: Path):
    message = message_in(tmp_path)
    assert (message.body, message.department, message.received_at, message.history) == ("text", None, None, ())


def test_the_last_of_a_history_is_the_final_answer(tmp_path: Path):
    steps = [{"at": "2025-03-05", "department": "Billing"}, {"at": "2025-03-04", "department": "Sales"}]
    assert message_in(tmp_path, history=steps).department == "Billing"


def test_lines_without_an_id_are_told_apart_by_what_they_say(tmp_path: Path):
    first, same, other = read(tmp_path, {"body": "a"}, {"body": "a"}, {"body": "b"})
    assert isinstance(first, Message)
    assert isinstance(same, Message)
    assert isinstance(other, Message)
    assert first.key == same.key != other.key


RAW = "From: ann@example.org\nSubject: Gr=?utf-8?q?=C3=BC?=n\nDate: Tue, 4 Mar 2025 10:00:00 +0000\n\nFröhlich"


@pytest.mark.parametrize("fields", [{"raw": RAW}, {"raw_base64": base64.b64encode(RAW.encode()).decode()}])
def test_a_raw_message_is_parsed_and_what_the_line_adds_wins(tmp_path: Path, fields: dict[str, str]):
    (plain,) = read(tmp_path, fields)
    assert isinstance(plain, Message)
    assert (plain.sender, plain.subject, plain.body) == ("ann@example.org", "Grün", "Fröhlich")
    assert plain.received_at == datetime(2025, 3, 4, 10, tzinfo=UTC)
    (added,) = read(tmp_path, {**fields, "id": "x", "received_at": "2024-01-01", "thread": "t", "department": "Sales"})
    assert isinstance(added, Message)
    assert (added.key, added.received_at, added.thread) == ("x", datetime(2024, 1, 1, tzinfo=UTC), "t")
    assert added.department == "Sales"


BAD = {
    b"{": "not JSON",
    b"[" * 200_000: "not JSON",
    b'{"body": ' + b"9" * 10_000 + b"}": "not JSON",
    b"[1]": "not an object",
    b'"text"': "not an object",
    b'{"body": "\xff"}': "not UTF-8",
    b'{"id": "a"}': "no text",
    b'{"body": 3}': "bad body",
    b'{"body": "x", "subject": []}': "bad subject",
    b'{"body": "x", "id": {}}': "bad id",
    b'{"body": "x", "thread": 1}': "bad thread",
    b'{"body": "x", "received_at": "yesterday"}': "bad time",
    b'{"body": "x", "received_at": 1741082400}': "bad time",
    b'{"body": "x", "received_at": "0001-01-01T00:00:00+05:00"}': "bad time",
    b'{"body": "x", "received_at": "2300-01-01"}': "bad time",
    b'{"body": "x", "department": 7}': "bad department",
    b'{"body": "x", "history": {}}': "bad history",
    b'{"body": "x", "history": [1]}': "bad history",
    b'{"body": "x", "history": [{"at": "2025-03-04"}]}': "bad history",
    b'{"body": "x", "history": [{"at": "soon", "department": "Sales"}]}': "bad history",
    b'{"raw": ""}': "empty",
    b'{"raw": "no header"}': "no mail header",
    b'{"raw_base64": "abc"}': "bad raw_base64",
}


@pytest.mark.parametrize(("line", "reason"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_line_is_reported_by_number_and_reason_and_the_next_is_read(tmp_path: Path, line: bytes, reason: str):
    before, found, after = read(tmp_path, {"id": "1", "body": "x"}, line, {"id": "3", "body": "x"})
    assert found == Unreadable("mail.jsonl:2", reason)
    assert isinstance(before, Message)
    assert isinstance(after, Message)
    assert (before.source, after.source) == ("mail.jsonl:1", "mail.jsonl:3")


def test_a_bad_line_is_an_error_when_reading_strictly(tmp_path: Path):
    with pytest.raises(BadArchiveLine, match=r"mail\.jsonl:2: not an object"):
        read(tmp_path, {"body": "x"}, b"[]", strict=True)


def test_a_line_that_is_too_long_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "MAX_LINE_BYTES", 100)
    long, after = read(tmp_path, {"body": "x" * 1000}, {"body": "y"})
    assert long == Unreadable("mail.jsonl:1", "line too long")
    assert isinstance(after, Message)
    assert after.source == "mail.jsonl:2"


def test_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path):
    (found,) = read(tmp_path, b"\xef\xbb\xbf" + b'{"body": "x"}', b"", b"  ")
    assert isinstance(found, Message)


def test_a_packed_archive_is_recognised_by_its_content(tmp_path: Path):
    path = tmp_path / "mail.jsonl"
    path.write_bytes(gzip.compress(b'{"body": "one"}\n{"body": "two"}'))
    assert [found.body for found in read_archive(path) if isinstance(found, Message)] == ["one", "two"]


def broken_off(folder: Path) -> Path:
    whole = b"".join(json.dumps({"body": f"{number * 7919 % 10007}"}).encode() + b"\n" for number in range(5000))
    path = folder / "mail.jsonl.gz"
    path.write_bytes(gzip.compress(whole)[:-2000])
    return path


def test_a_packed_archive_that_breaks_off_is_read_up_to_there(tmp_path: Path):
    *before, last = read_archive(broken_off(tmp_path))
    assert len(before) > 100
    assert all(isinstance(one, Message) for one in before)
    assert last == Unreadable(f"mail.jsonl.gz:{len(before) + 1}", "truncated or damaged file")


def test_a_packed_archive_that_breaks_off_is_an_error_when_reading_strictly(tmp_path: Path):
    with pytest.raises(BadArchiveLine, match="truncated or damaged"):
        list(read_archive(broken_off(tmp_path), strict=True))


def test_an_archive_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(BadInput, match=r"none\.jsonl"):
        list(read_archive(tmp_path / "none.jsonl"))


def test_characters_that_no_database_takes_are_removed(tmp_path: Path):
    message = message_in(tmp_path, subject="a\0b", body="x\ud800y\r\nz", note="\0n", **{"k\0": "v"})
    assert (message.subject, message.body, message.metadata) == ("ab", "xy\nz", {"note": "n", "k": "v"})


def test_mails_are_ordered_by_time_ties_as_they_were_and_unknown_times_last(tmp_path: Path):
    times = {"late": "2025-03-05", "never": None, "early": "2025-03-03", "tie": "2025-03-05T00:00:00Z"}
    found = read(tmp_path, *({"id": name, "body": "x", "received_at": time} for name, time in times.items()))
    assert [message.key for message in ordered(one for one in found if isinstance(one, Message))] == [
        "early", "late", "tie", "never",
    ]  # fmt: skip


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=30)
NAME = st.text(st.characters(categories=["L"]), min_size=1, max_size=10)
OFFSET = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIME = st.tuples(st.floats(0, 4e9), OFFSET).map(lambda drawn: datetime.fromtimestamp(drawn[0], drawn[1]))


@given(
    st.fixed_dictionaries({"id": NAME, "received_at": TIME, "subject": PRINTABLE, "body": PRINTABLE},
        optional={"department": NAME, "thread": NAME, "x_note": PRINTABLE,
                  "history": st.lists(st.tuples(TIME, NAME), min_size=1, max_size=4)}),
    st.booleans(),
)  # fmt: skip
def test_what_is_written_to_an_archive_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any], packed: bool
):
    history = [{"at": at.isoformat(), "department": name} for at, name in fields.get("history", [])]
    line = {**fields, "received_at": fields["received_at"].isoformat(), "history": history or None}
    path = tmp_path_factory.mktemp("archive") / "a"
    data = json.dumps(line, ensure_ascii=packed).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    (found,) = read_archive(path)
    assert isinstance(found, Message)
    assert (found.key, found.subject, found.body) == (fields["id"], fields["subject"], fields["body"])
    assert found.received_at == fields["received_at"]
    assert found.thread == fields.get("thread")
    assert found.metadata == ({"x_note": fields["x_note"]} if "x_note" in fields else {})
    expected = sorted(fields.get("history", []), key=lambda step: step[0])
    assert [(step.at, step.department) for step in found.history] == expected
    assert found.department == fields.get("department", expected[-1][1] if expected else None)


@given(st.lists(st.binary(max_size=60) | st.from_type(dict[str, int | str | None]), max_size=4))
def test_any_lines_are_read_to_the_end(tmp_path_factory: pytest.TempPathFactory, lines: list[object]):
    found = read(tmp_path_factory.mktemp("archive"), *lines)
    assert all(isinstance(one, Message | Unreadable) for one in found)
