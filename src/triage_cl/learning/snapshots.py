"""A learner as bytes: arrays in the safetensors format, and a header in its metadata. Data only, nothing to execute.

What is loaded is checked: a snapshot is refused for damage anywhere in it, for another key of features, and for
versions that this program does not fold the same way.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from triage_cl.domain.errors import BadSnapshot
from triage_cl.learning.hashing import FEATURES_VERSION

#: Changes whenever snapshots are written in another way.
FORMAT_VERSION = 1

# One entry only: the format writes its metadata in no certain order, and the same learner must give the same bytes.
_METADATA = "triage"

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a snapshot says about itself: recipe, the key's id, encoder, positions, lessons and fingerprint.

    `taught` counts the lessons of each department; `values` is the part of the model that is no array.
    """

    format_version: int = FORMAT_VERSION
    recipe: str
    recipe_version: int
    features_version: int = FEATURES_VERSION
    key_id: str
    encoder: str = ""
    start: int
    through: int
    as_of: int
    taught: Mapping[str, int]
    values: Mapping[str, Any]
    fingerprint: str = ""

    @property
    def lessons(self) -> int:
        """How many lessons were learned."""
        return sum(self.taught.values())


#: What a fingerprint covers beside the arrays: who learned what, not when nor up to where.
_FINGERPRINTED = ("recipe", "recipe_version", "features_version", "key_id", "encoder", "taught", "values")


def key_id(key: bytes) -> str:
    """What tells keys of features apart and tells nothing about them: 16 hexadecimal digits."""
    return hashlib.sha256(b"triage features key " + key).hexdigest()[:16]


def fingerprint_of(header: Header, arrays: Arrays) -> str:
    """SHA-256, in hexadecimal, of recipe, versions, key id, encoder if any, counts of lessons, and the model."""
    described = asdict(header)
    digest = hashlib.sha256(_canonical({name: described[name] for name in _FINGERPRINTED if described[name] != ""}))
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(_canonical([name, array.dtype.str, array.shape]))
        digest.update(array.data)
    return digest.hexdigest()


def write_snapshot(header: Header, arrays: Arrays) -> bytes:
    """The bytes of a snapshot; the same header and arrays give the same bytes."""
    described = asdict(header)
    text = _canonical({"header": described, "digest": hashlib.sha256(_canonical(described)).hexdigest()})
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return save(contiguous, metadata={_METADATA: text.decode()})


def read_header(data: bytes) -> Header:
    """The header alone, checked against its digest but not against the arrays; raises BadSnapshot."""
    try:
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        described = json.loads(metadata[_METADATA])
        header, digest = dict(described["header"]), described["digest"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadSnapshot("It has no readable header.") from error
    if hashlib.sha256(_canonical(header)).hexdigest() != digest:
        raise BadSnapshot("Its header is damaged.")
    if header.get("format_version") != FORMAT_VERSION:
        raise BadSnapshot(f"It has format {header.get('format_version')}, this program reads {FORMAT_VERSION}.")
    if set(header) != {field.name for field in fields(Header)}:
        raise BadSnapshot("Its header has other entries than its format.")
    return Header(**header)


def read_snapshot(data: bytes, key: bytes) -> tuple[Header, dict[str, NDArray[Any]]]:
    """Header and arrays, checked against the fingerprint, the key and the version of the features; BadSnapshot."""
    header = read_header(data)
    if header.features_version != FEATURES_VERSION:
        raise BadSnapshot(f"Its features have version {header.features_version}, this program's {FEATURES_VERSION}.")
    if header.key_id != key_id(key):
        raise BadSnapshot(f"Its features were hashed under the key {header.key_id}, not {key_id(key)}.")
    try:
        arrays = load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise BadSnapshot("Its arrays cannot be read.") from error
    if fingerprint_of(header, arrays) != header.fingerprint:
        raise BadSnapshot("Its arrays are damaged: their fingerprint is another.")
    return header, arrays


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
