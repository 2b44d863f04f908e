"""An office whose mail is reviewed twice: who works there, what they say, and how a day goes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, cycle

from tests.builders import NOON, NOW, an_admission
from tests.office import TOPICS, mail_about
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.second_looks import Opinion, Purpose, SecondLook
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.dealing import deal
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Admission
from triage_cl.usecases.reconcile import settle
from triage_cl.usecases.review import Answer

#: Names the department of a mail, by the mail's number and the true department's.
Says = Callable[[str, str], str]


def honest(_mail: str, truth: str) -> str:
    return truth


def swapping(one: str, other: str) -> Says:
    """Says one department for another, and the other way round."""
    return lambda _, truth: {one: other, other: one}.get(truth, truth)


@dataclass
class TwiceReviewed:
    """Reviewers who take turns at mail that was drawn; what nobody says otherwise is honest."""

    ledger: Ledger
    people: Sequence[str]
    part: float = 0.2
    departments: Sequence[str] = tuple(TOPICS)
    manners: Mapping[str, Says] = field(default_factory=dict)
    keys: Keys = field(default_factory=lambda: Keys.from_seed(3))
    at: datetime = NOON
    first: int = 0

    def __post_init__(self) -> None:
        self._answers, self._turns, self._mails = count(1), cycle(self.people), count(self.first)
        known = taxonomy_at(self.ledger).departments
        self.ledger.append([DepartmentAdded(id, id.title()) for id in self.departments if id not in known], NOON)

    def truth(self, mail: str) -> str:
        return self.departments[int(mail.partition("-")[2]) % len(self.departments)]

    def receive(self, mails: int) -> list[str]:
        """So many new mails, all drawn."""
        ids = [f"mail-{next(self._mails)}" for _ in range(mails)]
        self.ledger.admit([self._admission(id) for id in ids], NOW)
        return ids

    def _admission(self, id: str) -> Admission:
        text = mail_about(self.truth(id), int(id.partition("-")[2]))
        draw = self.keys.uniform("review", id)
        email = {"subject": text.subject, "body": text.body}
        return an_admission(id, email, review_probability=1.0, draw=draw, blind=True)

    def answer(self, mails: Sequence[str], who: str | None = None, department: str | None = None) -> None:
        """Everybody in turn (or `who`) answers these mails or second looks as they do (or with `department`)."""
        looks = self.ledger.looks(list(mails))
        given = []
        for id in mails:
            reviewer = who or next(self._turns)
            mail = looks[id].email_id if id in looks else id
            says = self.manners.get(reviewer, honest)
            said = department or says(mail, self.truth(mail))
            number = f"office:{next(self._answers)}:1"
            given.append(Answer(number, id, said, None, True, reviewer, self.at))
        settle(self.ledger, given, self.at)

    def deal(self) -> int:
        return deal(self.ledger, self.keys, self.part, self.at)

    def open_looks(self) -> list[SecondLook]:
        """Second looks that nobody answered."""
        looks = self.ledger.looks_for(*Purpose)
        heard = self.ledger.opinions_of([look.id for look in looks])
        return sorted((look for look in looks if look.id not in heard), key=lambda look: look.priority)

    def work(self, mails: int, rounds: int = 4) -> None:
        """Some mails are answered, dealt out, and their second looks answered until no more come."""
        self.at += timedelta(hours=1)
        self.answer(self.receive(mails))
        for _ in range(rounds):
            self.deal()
            self.answer([look.id for look in self.open_looks()])

    def opinions(self) -> list[Opinion]:
        return [one.fact for one in self.ledger.facts(kinds=[Opinion.kind]) if isinstance(one.fact, Opinion)]
