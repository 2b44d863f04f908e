"""Mail sources: files, mailboxes, folders and packages, however nested or damaged."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.adapters.mail import mailbox_file, sources
from triage_cl.adapters.mail.sources import Share, read_mail
from triage_cl.domain.emails import Message, Unreadable
from triage_cl.domain.errors import BadArchiveLine, BadInput

SEPARATOR = b"From ann@example.org Tue Mar  4 10:00:00 2025\n"


def a_mail(subject: str) -> bytes:
    return f"From: ann@example.org\nSubject: {subject}\n\ntext of {subject}\n".encode()


def a_mailbox(*subjects: str) -> bytes:
    return b"".join(SEPARATOR + a_mail(subject) + b"\n" for subject in subjects)


def a_tar(members: Mapping[str, bytes], **options: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", **options) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def a_zip(members: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def found_in(path: Path) -> list[str]:
    """Subjects of messages, and reasons in brackets."""
    return [one.subject if isinstance(one, Message) else f"[{one.reason}]" for one in read_mail(path)]


def found_as(folder: Path, name: str, data: bytes) -> list[str]:
    path = folder / name
    path.write_bytes(data)
    return found_in(path)


def test_a_file_is_one_message(tmp_path: Path):
    assert found_as(tmp_path, "a.eml", a_mail("one")) == ["one"]


def test_a_path_that_does_not_exist_is_an_error_at_once(tmp_path: Path):
    with pytest.raises(BadInput, match="no file or folder"):
        read_mail(tmp_path / "none")


def test_a_mailbox_gives_its_messages_and_where_they_stood(tmp_path: Path):
    path = tmp_path / "inbox"
    path.write_bytes(a_mailbox("one", "two"))
    assert [(one.source, one.subject) for one in read_mail(path) if isinstance(one, Message)] == [
        ("inbox#1", "one"),
        ("inbox#2", "two"),
    ]


def test_lines_of_a_mailbox_that_only_look_like_separators_stay(tmp_path: Path):
    path = tmp_path / "inbox"
    path.write_bytes(SEPARATOR + a_mail("one") + b"From here on\n\n>From there\n>>From far\n" + a_mailbox("two"))
    first, second = read_mail(path)
    assert isinstance(first, Message)
    assert first.body == "text of one\nFrom here on\n\nFrom there\n>From far"
    assert isinstance(second, Message)


def test_one_message_of_a_mailbox_has_the_key_it_has_as_a_file(tmp_path: Path):
    (tmp_path / "mailbox").write_bytes(SEPARATOR + a_mail("one"))
    (tmp_path / "file").write_bytes(a_mail("one").replace(b"\n", b"\r\n"))
    keys = {one.key for one in read_mail(tmp_path) if isinstance(one, Message)}
    assert len(keys) == 1


def test_a_message_that_is_too_large_does_not_end_a_mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mailbox_file, "MAX_MESSAGE_BYTES", 500)
    large = SEPARATOR + a_mail("large") + b"x" * 1000 + b"\n"
    assert found_as(tmp_path, "inbox", a_mailbox("one") + large + a_mailbox("two")) == ["one", "[too large]", "two"]


def test_a_maildir_gives_what_is_in_cur_and_new_of_all_its_folders(tmp_path: Path):
    for folder in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new", "other"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1:2,S").write_bytes(a_mail(folder))
    (tmp_path / "dovecot.index").write_bytes(b"\0index")
    assert found_in(tmp_path) == [".Sent/cur", ".Sent/new", "cur", "new"]


def test_a_folder_is_read_in_the_order_of_names_whatever_is_in_it(tmp_path: Path):
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "a.eml").write_bytes(a_mail("a"))
    (tmp_path / "b" / "deep" / "x.mbox").write_bytes(a_mailbox("x1", "x2"))
    (tmp_path / "b" / "p.tar.gz").write_bytes(gzip.compress(a_tar({"in": a_mail("p")})))
    (tmp_path / "c.jsonl").write_bytes(json.dumps({"subject": "c"}).encode())
    (tmp_path / "d.txt").write_bytes(b"not mail")
    assert found_in(tmp_path) == ["a", "x1", "x2", "p", "c", "[no mail header]"]


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert found_in(tmp_path) == ["[not a regular file]"] * 3


def test_a_folder_may_be_nested_deeper_than_the_stack_is_high(tmp_path: Path):
    inner = a_tree(tmp_path, 1100)
    (inner / "m").write_bytes(a_mail("deep"))
    assert found_in(tmp_path) == ["deep"]
    (inner / "m").unlink()
    os.removedirs(inner)


def a_tree(folder: Path, depth: int) -> Path:
    for _ in range(depth):
        folder /= "d"
        folder.mkdir()
    return folder


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(
    ("data", "subjects"),
    [
        (a_mail("one"), ["one"]),
        (a_mailbox("one", "two"), ["one", "two"]),
        (b'{"subject": "one"}\n{"subject": "two"}', ["one", "two"]),
        (a_tar({"a": a_mail("one"), "b": a_mailbox("two", "three")}), ["one", "two", "three"]),
    ],
)
def test_anything_may_be_compressed(tmp_path: Path, pack, data: bytes, subjects: list[str]):
    assert found_as(tmp_path, "file", pack(data)) == subjects


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_of_any_form_gives_its_files_under_their_names(tmp_path: Path, form: int):
    path = tmp_path / "mail.tar"
    names = ["a", "folder/" + "n" * 90 + "/" + "m" * 60]
    path.write_bytes(a_tar({name: a_mail(name) for name in names}, format=form))
    assert [one.source for one in read_mail(path)] == [f"mail.tar/{name}" for name in names]


def test_folders_links_and_devices_in_a_tar_are_skipped(tmp_path: Path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            member = tarfile.TarInfo("../../etc/passwd")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    assert found_as(tmp_path, "mail.tar", packed.getvalue()) == []


def test_a_damaged_tar_is_read_up_to_the_damage_and_says_so(tmp_path: Path):
    data = a_tar({"a": a_mail("one"), "b": a_mail("two")})
    assert found_as(tmp_path, "header.tar", data[:1500]) == ["one", "[damaged: truncated tar]"]
    assert found_as(tmp_path, "content.tar", data[:1580]) == ["one", "two", "[damaged: truncated tar]"]
    broken = bytearray(data)
    broken[1024 + 148 : 1024 + 156] = b"garbage!"
    assert found_as(tmp_path, "broken.tar", bytes(broken)) == ["one", "[damaged: damaged tar header]"]


def test_a_zip_gives_its_files_and_says_which_it_cannot(tmp_path: Path):
    packed = a_zip({"a.eml": a_mail("one"), "folder/": b"", "b.jsonl": b'{"subject": "two"}', "c": b"\0" * 10_000_000})
    assert found_as(tmp_path, "mail.zip", packed) == ["one", "two", "[compressed too densely]"]
    assert found_as(tmp_path, "packed.tar", a_tar({"mail.zip": packed})) == ["one", "two", "[compressed too densely]"]


def test_an_encrypted_member_is_reported_and_the_next_is_read(tmp_path: Path):
    packed = bytearray(a_zip({"a": a_mail("one"), "b": a_mail("two")}))
    first_entry = packed.index(b"PK\x01\x02")
    packed[first_entry + 8] |= 1
    assert found_as(tmp_path, "mail.zip", bytes(packed)) == ["[encrypted]", "two"]


def test_a_damaged_member_or_directory_of_a_zip_is_reported(tmp_path: Path):
    packed = bytearray(a_zip({"a": a_mail("one"), "b": a_mail("two")}))
    packed[0:4] = b"PK\x05\x06"
    assert found_as(tmp_path, "mail.zip", bytes(packed)) == ["[damaged]", "two"]
    assert found_as(tmp_path, "cut.zip", a_zip({"a": a_mail("one")})[:40]) == [
        "[damaged: no directory that can be read]"
    ]
    unnamed = a_zip({"ab": a_mail("one")}).replace(b"ab", b"\0b")
    assert found_as(tmp_path, "unnamed.zip", unnamed) == ["one"]


def test_a_zip_whose_members_overlap_is_refused(tmp_path: Path):
    packed = a_zip({"a": os.urandom(5000)})
    entry_start, end_start = packed.index(b"PK\x01\x02"), packed.index(b"PK\x05\x06")
    entries = packed[entry_start:end_start] * 3
    end = bytearray(packed[end_start:])
    end[8:12] = (3).to_bytes(2, "little") * 2
    end[12:16] = len(entries).to_bytes(4, "little")
    data = packed[:entry_start] + entries + bytes(end)
    assert found_as(tmp_path, "bomb.zip", data) == ["[damaged: members overlap]"]


def test_what_is_packed_too_deeply_is_not_unpacked(tmp_path: Path):
    data = a_mail("one")
    for _ in range(20):
        data = gzip.compress(data)
    assert found_as(tmp_path, "deep.gz", data) == ["[packed too deeply]"]


def test_a_message_that_unpacks_to_too_much_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sources, "MAX_MESSAGE_BYTES", 1000)
    data = gzip.compress(a_mail("one") + b"\0" * 50_000_000)
    (found,) = (one for one in read_mail(_written(tmp_path / "bomb.gz", data)))
    assert isinstance(found, Message)
    assert len(found.body) <= 1000


def test_a_truncated_package_is_read_up_to_there(tmp_path: Path):
    data = a_mailbox(*(f"{number * 7919 % 10007}" for number in range(3000)))
    found = found_as(tmp_path, "cut.gz", gzip.compress(data)[:-1000])
    assert len(found) > 100
    assert found[-1] == "[truncated or damaged file]"
    assert not any(one.startswith("[") for one in found[:-1])


def test_a_bad_line_in_an_archive_is_an_error_only_when_strict(tmp_path: Path):
    path = _written(tmp_path / "a.jsonl", b'{"subject": "one"}\n[]\n')
    assert found_in(path) == ["one", "[not an object]"]
    with pytest.raises(BadArchiveLine, match=r"a\.jsonl:2"):
        list(read_mail(path, strict=True))


def test_a_source_is_named_relative_to_what_was_asked_for(tmp_path: Path):
    _written(tmp_path / "mail" / "in" / "box", a_mailbox("one"))
    assert [one.source for one in read_mail(tmp_path / "mail")] == ["mail/in/box#1"]


BEGINNINGS = st.sampled_from(
    [b"", SEPARATOR, b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"PK\x03\x04", b"PK\x05\x06", b"{", b"Subject: x\n",
     a_tar({"a": a_mail("one")})[:600], a_zip({"a": a_mail("one")}), gzip.compress(a_mail("one"))]
)  # fmt: skip


@given(BEGINNINGS, st.binary(max_size=300))
def test_any_file_is_read_without_an_exception(tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes):
    path = _written(tmp_path_factory.mktemp("mail") / "file", start + rest)
    assert all(isinstance(one, Message | Unreadable) for one in read_mail(path))


@given(st.data())
def test_any_damage_to_a_package_is_survived(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    whole = data.draw(st.sampled_from([make({"a": a_mail("one"), "b": a_mailbox("two")}) for make in (a_tar, a_zip)]))
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:place] + data.draw(st.binary(max_size=4)) + whole[place + data.draw(st.integers(0, 600)) :]
    path = _written(tmp_path_factory.mktemp("mail") / "file.tar", damaged)
    assert all(isinstance(one, Message | Unreadable) for one in read_mail(path))


@pytest.mark.skipif("TRIAGE_DATA" not in os.environ, reason="TRIAGE_DATA names no folder of real mail")
def test_real_mail_is_read_nearly_without_exception():
    found = list(read_mail(Path(os.environ["TRIAGE_DATA"]) / "spamassassin.tar.gz"))
    with_text = [one for one in found if isinstance(one, Message) and one.body and one.sender and one.received_at]
    assert len(found) == 3023
    assert len(with_text) > 0.99 * len(found)


def _written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@given(
    st.lists(
        st.sampled_from(
            [SEPARATOR, b"From ann@example.org\n", b"From ", b"\n", b"F", b">From a\n", b"x" * 150, b"\r\n"]
        ),
        max_size=20,
    ).map(b"".join),
    st.integers(1, 400),
)
def test_a_mailbox_has_the_same_messages_however_it_is_read(data: bytes, size: int):
    with pytest.MonkeyPatch.context() as patch:
        whole = list(mailbox_file.messages_of(io.BytesIO(data)))
        patch.setattr(mailbox_file, "_READ_BYTES", size)
        assert list(mailbox_file.messages_of(io.BytesIO(data))) == whole


def test_every_message_is_in_one_share(tmp_path: Path):
    (tmp_path / "mail").mkdir()
    for number in range(20):
        (tmp_path / "mail" / f"{number}.eml").write_bytes(a_mail(f"number {number}"))
    (tmp_path / "mail" / "empty.eml").write_bytes(b"")
    lines = [json.dumps({"id": f"{number}", "body": "hello"}) for number in range(20)] + ["no json"]
    (tmp_path / "mail" / "a.jsonl").write_text("\n".join(lines))
    shares = [[one.source for one in read_mail(tmp_path, share=Share(number, 3))] for number in (1, 2, 3)]
    assert sorted(chain.from_iterable(shares)) == sorted(one.source for one in read_mail(tmp_path))
    assert all(shares)
