"""What is packed in tar and zip files, member by member as streams; nothing is unpacked to disk.

The tar reader is our own because `tarfile` ends silently at a damaged header and reads a header of any size
into memory.
"""

import io
import re
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from triage_cl.adapters.mail.charsets import clean, decode

_BLOCK = 512
_LONG_NAME, _PAX_HEADER, _REGULAR_FILE = b"L", b"x", (b"0", b"\0", b"7")
_LONGEST_HEADER = 64 * 2**10
_PAX_PATH = re.compile(rb" path=([^\n]*)\n")
_DENSEST = 200  # times that a member may grow when it is unpacked; mail grows less than tenfold
_ALWAYS_ALLOWED_BYTES = 2**20
_ENCRYPTED = 0x1


class DamagedPackage(ValueError):
    """A packed file breaks off or contradicts itself."""


class _Window(io.RawIOBase):
    """The next `size` bytes of a stream, or what there is of them, as a stream."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        data = self._stream.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def skip(self) -> None:
        """Move the stream to the end of the window; raises DamagedPackage if it ends before."""
        while self._left:
            if not self.readinto(bytearray(min(self._left, 2**20))):
                raise DamagedPackage("truncated tar")


def tar_members(stream: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """Name and content of each regular file in a tar stream; a content is valid until the next is asked for.

    Raises DamagedPackage where the archive breaks off or a header's checksum is wrong.
    """
    long_name = b""
    while any(header := stream.read(_BLOCK)):
        size = _checked_size(header)
        kind = header[156:157]
        window = _Window(stream, size)
        if kind in (_LONG_NAME, _PAX_HEADER):
            long_name = _long_name(window.read(min(size, _LONGEST_HEADER)) or b"", kind)
        else:
            if kind in _REGULAR_FILE:
                yield _readable_name(long_name or _short_name(header)), io.BufferedReader(window)
            long_name = b""
        window.skip()
        stream.read(-size % _BLOCK)


def zip_members(stream: BinaryIO) -> Iterator[tuple[str, BinaryIO | str]]:
    """Name and content of each file in a zip file, or the reason why it has none to give.

    Raises DamagedPackage when the directory is damaged, or when members overlap, as they do in files made to
    explode.
    """
    with _opened_zip(stream) as packed:
        members = [member for member in packed.infolist() if not member.filename.endswith("/")]
        if sum(member.compress_size for member in members) > stream.seek(0, io.SEEK_END):
            raise DamagedPackage("members overlap")
        for member in members:
            name = _readable_name(member.filename.encode("utf-8", "replace"))
            if reason := _refused(member):
                yield name, reason
                continue
            try:
                content = packed.open(member)
            except (zipfile.BadZipFile, ValueError, RuntimeError):
                yield name, "damaged"
                continue
            with content:
                yield name, content  # type: ignore[misc]


def _opened_zip(stream: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, ValueError, struct.error) as error:
        raise DamagedPackage("no directory that can be read") from error


def _refused(member: zipfile.ZipInfo) -> str:
    if member.flag_bits & _ENCRYPTED:
        return "encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        return "unknown compression"
    if member.file_size > _ALWAYS_ALLOWED_BYTES + _DENSEST * member.compress_size:
        return "compressed too densely"
    return ""


def _checked_size(header: bytes) -> int:
    """The size that a tar header states (POSIX ustar, GNU's base 256)."""
    if len(header) < _BLOCK:
        raise DamagedPackage("truncated tar")
    total = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
    if _octal(header[148:156]) != total:
        raise DamagedPackage("damaged tar header")
    size = header[124:136]
    return int.from_bytes(size[1:], "big") if size[0] == 0x80 else _octal(size)


def _octal(field: bytes) -> int:
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError as error:
        raise DamagedPackage("damaged tar header") from error


def _short_name(header: bytes) -> bytes:
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    name = header[:100].partition(b"\0")[0]
    return prefix + b"/" + name if prefix else name


def _long_name(content: bytes, kind: bytes) -> bytes:
    if kind == _LONG_NAME:
        return content.partition(b"\0")[0]
    path = _PAX_PATH.search(content)
    return path.group(1) if path else b""


def _readable_name(name: bytes) -> str:
    return " ".join(clean(decode(name[:_BLOCK])).split())
