"""Mail out of whatever a path names: a message, a mailbox, a folder, a packed folder, a mail archive."""

import bz2
import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from triage_cl.adapters.mail.archive import GZIP_MAGIC, read_lines
from triage_cl.adapters.mail.limits import MAX_MESSAGE_BYTES, MAX_NESTING
from triage_cl.adapters.mail.mailbox_file import messages_of
from triage_cl.adapters.mail.packed import DamagedPackage, tar_members, zip_members
from triage_cl.adapters.mail.parse import parse_message
from triage_cl.domain.emails import Message, Unreadable
from triage_cl.domain.errors import BadInput


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as bytes, not parsed yet."""

    data: bytes
    source: str

    def parsed(self) -> Message | Unreadable:
        """What is in it."""
        return parse_message(self.data, self.source)


Found = Iterator[Raw | Message | Unreadable]

_HEAD_BYTES = 512
_BUFFER_BYTES = 64 * 2**10
_UNPACKERS: dict[bytes, Callable[[Any], Any]] = {
    GZIP_MAGIC: lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, DamagedPackage, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Share:
    """One of `of` parts of the mail, by its number from 1 on; a message is in one of them, wherever it stands."""

    number: int = 1
    of: int = 1

    def has(self, item: Raw | Message | Unreadable) -> bool:
        """Whether this part has the item."""
        return self.of == 1 or zlib.crc32(_content(item)) % self.of == self.number - 1


EVERYTHING = Share()


def _content(item: Raw | Message | Unreadable) -> bytes:
    """What an item is told apart by."""
    if isinstance(item, Raw):
        return item.data
    return (item.key if isinstance(item, Message) else item.source).encode("utf-8", "backslashreplace")


def read_mail(path: Path, strict: bool = False, share: Share = EVERYTHING) -> Iterator[Message | Unreadable]:
    """Every message at `path`, in a stable order, and a reason for everything there that is none.

    `path` is a file (one message, an mbox, a tar or zip file, a mail archive, each also compressed) or a folder
    (a Maildir, or any tree of such files). What a file is shows in its content first, then in its name. Sources
    are named relative to the folder that holds `path`. With `strict` a bad line of a mail archive raises
    BadArchiveLine. Only what `share` has is parsed and given. Raises BadInput when there is no such path.
    """
    return parsed(item for item in read_raw(path, strict) if share.has(item))


def parsed(found: Found) -> Iterator[Message | Unreadable]:
    """The messages in what was found."""
    return (item.parsed() if isinstance(item, Raw) else item for item in found)


def read_raw(path: Path, strict: bool = False) -> Found:
    """The same as `read_mail`, with messages that nobody has parsed yet."""
    if not path.exists():
        raise BadInput(f"There is no file or folder {path}.")
    name = path.name or path.resolve().name
    return _folder(path, name, strict) if path.is_dir() else _file(path, name, strict)


class _Rewound(io.RawIOBase):
    """A stream whose first bytes have been looked at, as if they had not."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def _folder(folder: Path, name: str, strict: bool) -> Found:
    """What is in a folder and below it, by name; links to folders are not followed."""
    waiting = [(folder, name)]
    while waiting:
        path, name = waiting.pop()
        if path != folder and (path.is_symlink() or not path.is_dir()):
            yield from _file(path, name, strict)
            continue
        try:
            waiting += [(path / entry, f"{name}/{entry}") for entry in sorted(_entries(path), reverse=True)]
        except OSError as error:
            yield Unreadable(name, f"cannot be read: {error.strerror}")


def _entries(folder: Path) -> list[str]:
    """The names in a folder; in a Maildir those of `cur`, `new` and of its subfolders, which start with a dot."""
    entries = {entry.name: entry.is_dir() for entry in os.scandir(folder)}
    if not (entries.get("cur") and entries.get("new")):
        return list(entries)
    return [name for name, is_folder in entries.items() if is_folder and (name in ("cur", "new") or name[0] == ".")]


def _file(path: Path, name: str, strict: bool) -> Found:
    if not path.is_file():
        yield Unreadable(name, "not a regular file")
        return
    try:
        with path.open("rb") as stream:
            yield from read_stream(stream, name, strict)
    except OSError as error:
        yield Unreadable(name, f"cannot be read: {error.strerror}")


def read_stream(stream: BinaryIO, name: str, strict: bool, nesting: int = 0) -> Found:
    """What is in a stream; damage ends it, with a reason, after what could be read."""
    try:
        yield from _read_undamaged(stream, name, strict, nesting)
    except _DAMAGE as error:
        yield Unreadable(
            name, f"damaged: {error}" if isinstance(error, DamagedPackage) else "truncated or damaged file"
        )


def _read_undamaged(stream: BinaryIO, name: str, strict: bool, nesting: int) -> Found:
    head, rewound = _looked_into(stream)
    unpack = next((unpack for magic, unpack in _UNPACKERS.items() if head.startswith(magic)), None)
    if nesting > MAX_NESTING:
        yield Unreadable(name, "packed too deeply")
    elif unpack:
        yield from read_stream(unpack(rewound), name, strict, nesting + 1)
    elif head.startswith(_ZIP_MAGIC):
        yield from _zip(stream if nesting == 0 else rewound, name, strict, nesting)
    elif head[257:262] == b"ustar" or name.endswith(".tar"):
        for member, content in tar_members(rewound):
            yield from read_stream(content, f"{name}/{member}", strict, nesting + 1)
    elif head.startswith(b"From "):
        yield from _mailbox(rewound, name)
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or name.endswith((".jsonl", ".jsonl.gz", ".ndjson")):
        yield from read_lines(rewound, name, strict)
    else:
        yield Raw(rewound.read(MAX_MESSAGE_BYTES + 1), name)


def _looked_into(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The first bytes of a stream, and the stream as if nobody had looked."""
    if isinstance(stream, io.BufferedReader) and len(head := stream.peek(_HEAD_BYTES)) >= _HEAD_BYTES:
        return head[:_HEAD_BYTES], stream
    head = stream.read(_HEAD_BYTES)
    return head, io.BufferedReader(_Rewound(head, stream), _BUFFER_BYTES)


def _zip(stream: BinaryIO, name: str, strict: bool, nesting: int) -> Found:
    """A zip file's directory is at its end: one that stands in another package is read into memory first."""
    if nesting:
        data = stream.read(MAX_MESSAGE_BYTES + 1)
        if len(data) > MAX_MESSAGE_BYTES:
            yield Unreadable(name, "too large")
            return
        stream = io.BytesIO(data)
    for member, content in zip_members(stream):
        source = f"{name}/{member}"
        if isinstance(content, str):
            yield Unreadable(source, content)
        else:
            yield from read_stream(content, source, strict, nesting + 1)


def _mailbox(stream: BinaryIO, name: str) -> Found:
    for number, raw in enumerate(messages_of(stream), 1):
        source = f"{name}#{number}"
        yield Unreadable(source, "too large") if raw is None else Raw(raw, source)
