"""What an encoder of text is to us, and those of this installation by kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from triage_cl.domain.errors import BadSettings

Vector = NDArray[np.float32]

#: The setting that names the folder of an encoder, by its kind.
SETTINGS = {"sentence": "encoder", "static": "static_vectors"}
MAKING = {"sentence": "`triage encoder export`", "static": "`triage encoder distil`"}


class Encoder(Protocol):
    """Turns a text into a vector that says what it is about; two adapters: a sentence encoder, and static vectors."""

    @property
    def kind(self) -> str:
        """How recipes ask for it: "sentence" or "static"."""

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of SHA-256 over everything that its vectors depend on."""

    @property
    def folder(self) -> Path:
        """Where it was loaded from."""

    @property
    def dimensions(self) -> int:
        """The length of a vector."""

    def encode(self, texts: Sequence[str]) -> Vector:
        """A row for each text, of Euclidean length 1 (0 for a text without a known token), rounded to float16."""


def text_to_encode(subject: str, body: str) -> str:
    """What of a mail is encoded: what its sender wrote, not who that is."""
    return f"{subject}\n{body}"


@dataclass
class Encoders:
    """The encoders that the settings name, by kind; each is made when it is first asked for."""

    makers: Mapping[str, Callable[[], Encoder]] = field(default_factory=dict)
    _made: dict[str, Encoder] = field(default_factory=dict, init=False)

    def of(self, kind: str) -> Encoder:
        """The encoder of this kind; BadSettings where the settings name none."""
        if kind not in self._made:
            if kind not in self.makers:
                raise BadSettings(f"{SETTINGS[kind]}: a recipe needs it and it is not set; {MAKING[kind]} makes one.")
            self._made[kind] = self.makers[kind]()
        return self._made[kind]

    def remember(self, kind: str) -> "EncodedAhead":
        """The encoder of this kind, which from now on remembers what it encodes."""
        self._made[kind] = ahead = EncodedAhead(self.of(kind))
        return ahead


#: Where no setting names an encoder.
NO_ENCODERS = Encoders()

#: Tells how many texts of how many are done.
Progress = Callable[[int, int], None]


class EncodedAhead:
    """An encoder that remembers what it encoded: whoever asks for mails one by one pays for large batches."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[bytes, Vector] = {}
        self.kind, self.digest, self.folder = encoder.kind, encoder.digest, encoder.folder
        self.dimensions = encoder.dimensions

    def prepare(self, texts: Sequence[str], progress: Progress = lambda done, total: None) -> None:
        """Encode these texts now, those of like length together."""
        new = sorted({_name(text): text for text in texts if _name(text) not in self._known}.items(), key=_length)
        for start in range(0, len(new), AHEAD):
            part = new[start : start + AHEAD]
            rows = self._encoder.encode([text for _, text in part]).astype(np.float16)
            self._known.update(zip((name for name, _ in part), rows, strict=True))
            progress(start + len(part), len(new))

    def encode(self, texts: Sequence[str]) -> Vector:
        """A row for each text, as the encoder gives it."""
        self.prepare(texts)
        rows = [self._known[_name(text)] for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), self.dimensions)


#: How many texts are encoded between two words about the progress.
AHEAD = 256


def _name(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _length(named: tuple[bytes, str]) -> int:
    return len(named[1])
