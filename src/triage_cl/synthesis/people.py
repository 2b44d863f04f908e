"""The people who write to the organisation, each with a stable name, address and bank account."""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from unicodedata import normalize

from triage_cl.synthesis import identifiers
from triage_cl.synthesis.organisation import Organisation
from triage_cl.synthesis.phrasebook import Phrasebook, phrasebook

#: So that a long stream does not need a city of people.
_MOST_PEOPLE = 20_000
_MAIL_PROVIDERS = {
    "en": ("brightmail.example", "postbox.example", "homemail.example", "inbox.example.com"),
    "de": ("postfach.example", "deinemail.example", "netzpost.example.net"),
    "fr": ("courriel.example", "boite.example.com", "lettres.example"),
    "es": ("correo.example", "buzon.example", "cartas.example.org"),
}
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ı": "i", " ": "", "'": "", "-": ""})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes (`kind`: customer, employee, …); they stay the same over the whole stream.

    `typos` is the share of words they mistype.
    """

    kind: str
    language: str
    first: str
    last: str
    address: str
    phone: str
    iban: str
    card: str
    customer: str
    street: str
    city: str
    firm: str
    website: str
    typos: float

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def sender(self) -> str:
        """Name and address, as a mail client shows them."""
        return f"{self.name} <{self.address}>"


class Population:
    """Everybody who may write; some write often (Zipf's law)."""

    def __init__(self, rng: Random, organisation: Organisation, mails: int) -> None:
        self._rng = rng
        self._domain = organisation.domain
        self._addresses: set[str] = set()
        self._people: dict[str, list[Person]] = {}
        self._shares: dict[str, list[float]] = {}
        for kind, writers in organisation.writers.items():
            size = min(_MOST_PEOPLE, max(3, round(writers.share * mails)))
            languages = rng.choices(list(writers.languages), list(writers.languages.values()), k=size)
            self._people[kind] = [self._born(kind, phrasebook(language)) for language in languages]
            self._shares[kind] = list(accumulate((rank + 2) ** -writers.steep for rank in range(size)))

    def somebody(self, rng: Random, kind: str) -> Person:
        """One of the people of that kind, the busy ones more often."""
        shares = self._shares[kind]
        return self._people[kind][bisect(shares, rng.random() * shares[-1], hi=len(shares) - 1)]

    def _born(self, kind: str, book: Phrasebook) -> Person:
        rng, words, language = self._rng, book.words, book.language
        first, last = rng.choice(words["first"]), rng.choice(words["last"])
        firm = rng.choice(words["firms"]).format(last=last)
        site = f"{_ascii(last)}-{rng.choice(('group', 'online', 'services', 'home'))}.example"
        domain = {"employee": self._domain, "partner": site}.get(kind) or rng.choice(_MAIL_PROVIDERS[language])
        return Person(
            kind=kind,
            language=language,
            first=first,
            last=last,
            address=self._new_address(_ascii(first), _ascii(last), domain),
            phone=identifiers.phone(rng, language),
            iban=_as_written(rng, identifiers.iban(rng, language), ("", " ", " ")),
            card=_as_written(rng, identifiers.card(rng), ("", " ", "-")),
            customer=f"{rng.choice(('HV-', 'HV', ''))}{rng.randrange(10**6, 10**7)}",
            street=f"{rng.choice(words['streets'])} {rng.randrange(1, 140)}",
            city=rng.choice(words["cities"]),
            firm=firm,
            website=f"https://www.{site}/",
            typos=rng.choice((0.0, 0.0, 0.0, 0.01, 0.04)),
        )

    def _new_address(self, first: str, last: str, domain: str) -> str:
        style = self._rng.choice((f"{first}.{last}", f"{first[0]}{last}", f"{last}.{first}", f"{first}_{last}", first))
        address, number = f"{style}@{domain}", self._rng.randrange(40, 99)
        while address in self._addresses:
            address, number = f"{style}{number}@{domain}", number + 1
        self._addresses.add(address)
        return address


def _ascii(name: str) -> str:
    return normalize("NFKD", name.lower().translate(_SPELLED_OUT)).encode("ascii", "ignore").decode()


def _as_written(rng: Random, digits: str, separators: tuple[str, ...]) -> str:
    return identifiers.grouped(digits, separator=rng.choice(separators))
