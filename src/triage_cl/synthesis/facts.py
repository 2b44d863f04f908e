"""What a mail speaks of: amounts, dates, devices, people; the same throughout a conversation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from triage_cl.synthesis.organisation import Organisation
from triage_cl.synthesis.people import Person
from triage_cl.synthesis.phrasebook import Phrasebook, Phrases, Tell

#: Facts about the writer, read from `Person` by the same name.
_OF_THE_WRITER = {"phone", "iban", "card", "customer", "street", "city", "firm", "website"}
#: Facts that a reader must not find again in redacted text.
_IDENTIFYING = {"phone", "iban", "card", "website", "email", "other_email", "link"}


@dataclass(slots=True)
class Facts:
    """The facts of one conversation; each is made up when first asked for and remembered."""

    rng: Random
    organisation: Organisation
    person: Person
    book: Phrasebook
    matters: Phrases
    at: datetime
    known: dict[str, str] = field(default_factory=dict)

    def tell(self, name: str) -> str:
        """The fact of that name; a KeyError says that phrases use a name nobody knows."""
        if name not in self.known:
            self.known[name] = self._make_up(name)
        return self.known[name]

    def _make_up(self, name: str) -> str:
        if name in _OF_THE_WRITER:
            return str(getattr(self.person, name))
        if name in _MADE_UP:
            return _MADE_UP[name](self)
        return self.rng.choice(self.book.words[name])

    def identifiers(self) -> Iterable[str]:
        """Addresses, numbers and links that were told so far."""
        yield self.person.address
        for name in sorted(_IDENTIFYING & self.known.keys()):
            yield self.known[name]


def _amount(facts: Facts) -> str:
    euros, cents = int(12 * 10 ** (facts.rng.random() * 2.2)), facts.rng.randrange(100)
    if facts.book.language == "en":
        return f"{facts.rng.choice('€£')}{euros:,}.{cents:02d}"
    return f"{euros},{cents:02d} {facts.rng.choice(('€', 'Euro', 'EUR') if facts.book.language == 'de' else ('€',))}"


def _date(facts: Facts) -> str:
    day = facts.at + timedelta(days=facts.rng.randrange(-25, 12))
    month = facts.book.words["months"][day.month - 1]
    written = {
        "en": (f"{day.day} {month}", f"{month} {day.day}", f"{day.day:02d}/{day.month:02d}/{day.year}"),
        "de": (f"{day.day}. {month}", f"{day.day:02d}.{day.month:02d}.{day.year}", f"{day.day}.{day.month}."),
        "fr": (f"{day.day} {month}", f"{day.day:02d}/{day.month:02d}/{day.year}"),
        "es": (f"{day.day} de {month}", f"{day.day:02d}/{day.month:02d}/{day.year}"),
    }
    return facts.rng.choice(written[facts.book.language])


def _month(facts: Facts) -> str:
    return facts.book.words["months"][(facts.at.month - 1 - facts.rng.randrange(3)) % 12]


def _somebody(facts: Facts) -> str:
    own = facts.person.kind == "customer" and facts.rng.random() < 0.5
    words = facts.book.words
    return facts.person.name if own else f"{facts.rng.choice(words['first'])} {facts.rng.choice(words['last'])}"


def _other_address(facts: Facts) -> str:
    host = facts.organisation.domain if facts.person.kind != "employee" else "mailing.example.net"
    return f"{facts.rng.choice(('office', 'info', 'team', 'night.shift', 'no-reply'))}{facts.rng.randrange(99)}@{host}"


def _link(facts: Facts) -> str:
    path = facts.rng.choice(("account", "help/faq", "orders", "invoices", "track", "login/reset"))
    return f"https://portal.{facts.organisation.domain}/{path}?ref={facts.rng.randrange(10**5, 10**6)}"


def _numbered(pattern: str, low: int, high: int) -> Callable[[Facts], str]:
    """A number between `low` and `high`, put into `pattern`."""
    return lambda facts: pattern.format(facts.rng.randrange(low, high))


_MADE_UP: dict[str, Callable[[Facts], str]] = {
    "matter": lambda facts: facts.matters.write(facts.rng, facts.tell),
    "amount": _amount,
    "date": _date,
    "month": _month,
    "name": _somebody,
    "email": lambda facts: facts.person.address,
    "other_email": _other_address,
    "link": _link,
    "colleague": lambda facts: facts.rng.choice(facts.book.words["first"]),
    "year": lambda facts: str(facts.at.year - facts.rng.randrange(1, 25)),
    "time": lambda facts: f"{facts.rng.randrange(7, 21)}:{facts.rng.choice(('00', '15', '30', '45'))}",
    "number": _numbered("{}", 2, 30),
    "minutes": _numbered("{}", 10, 90),
    "percent": _numbered("{}", 5, 98),
    "usage": _numbered("{}", 900, 9800),
    "reading": _numbered("{}", 1000, 99000),
    "meter": _numbered("METER-{:08d}", 1, 10**8),
    "invoice": _numbered("INV-{}", 10**6, 10**7),
    "order": _numbered("ORD-{}", 10**5, 10**6),
    "ticket": _numbered("#{}", 10**4, 10**6),
    "error": _numbered("ERR-{:02d}", 1, 99),
}


def also(tell: Tell, **facts: str) -> Tell:
    """`tell`, which knows `facts` besides."""
    return lambda name: facts.get(name) or tell(name)
