"""The installation's secret, and everything that is drawn or named with it.

One master key of 32 bytes; each purpose has its own subkey, so that what one purpose publishes tells
nothing about another. HMAC is RFC 2104 with SHA-256.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import cached_property

KEY_BYTES = 32


@dataclass(frozen=True, repr=False)
class Keys:
    """One installation's secret; its `repr` does not show it.

    Raises ValueError when `master` is not 32 bytes.
    """

    master: bytes

    def __post_init__(self) -> None:
        if len(self.master) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(self.master)}")

    @classmethod
    def fresh(cls) -> "Keys":
        """New keys from the operating system's randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def from_seed(cls, seed: int) -> "Keys":
        """The same keys for the same seed: for backtests and demonstrations, never for real mail."""
        return cls(hashlib.sha256(f"triage_cl keys from seed {seed}".encode()).digest())

    @classmethod
    def from_hex(cls, text: str) -> "Keys":
        """The keys that `hex` wrote; raises ValueError for anything else."""
        return cls(bytes.fromhex(text))

    def hex(self) -> str:
        """The master key as 64 hexadecimal digits; a secret."""
        return self.master.hex()

    def subkey(self, purpose: str) -> bytes:
        """32 bytes that belong to `purpose` alone."""
        return _hmac(self.master, purpose)

    def uniform(self, purpose: str, id: str) -> float:
        """A number in [0, 1) with 53 random bits, always the same for this purpose and id."""
        drawn = int.from_bytes(_hmac(self._draws, f"{purpose}|{id}")[:8], "big")
        return float(drawn >> 11) / 2.0**53

    def identify(self, text: str) -> str:
        """32 hexadecimal digits that stand for `text`, the same each time: an e-mail's id."""
        return _hmac(self._identities, text)[:16].hex()

    def pseudonym(self, text: str) -> str:
        """16 hexadecimal digits that stand for `text`, the same each time: a sender, a thread."""
        return _hmac(self._pseudonyms, text)[:8].hex()

    # Those that every mail needs several times are kept.
    @cached_property
    def _draws(self) -> bytes:
        return self.subkey("draws")

    @cached_property
    def _identities(self) -> bytes:
        return self.subkey("identities")

    @cached_property
    def _pseudonyms(self) -> bytes:
        return self.subkey("pseudonyms")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")
