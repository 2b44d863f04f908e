"""What a demo of the stack has in place of the world: `python -m triage_cl.cli.feeding` sends invented mail."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from triage_cl.domain.errors import BadInput, TriageError

if TYPE_CHECKING:
    import httpx

    from triage_cl.usecases.ledger import Ledger

#: A line of the mail archive format, or a decision as the service shows it.
Line = dict[str, Any]

#: What is there at once on an empty ledger: mail that was answered before, and mail that nobody has seen.
TAUGHT, NEW = 200, 200

#: Mails in one request, and seconds between two mails afterwards; between two tries where the service is away.
BATCH, EVERY_SECONDS, AGAIN_SECONDS = 50, 1.0, 5.0

#: How much is invented at a time; of it only what comes before departments change.
DAYS, MAILS_PER_DAY = 56, 120


def open_departments(ledger: "Ledger", at: datetime) -> None:
    """Give an empty ledger the invented organisation's departments; raises BadInput where it has others."""
    from triage_cl.domain.departments import DepartmentAdded
    from triage_cl.synthesis.organisation import organisation
    from triage_cl.usecases.departments import change_departments
    from triage_cl.usecases.learn import taxonomy_at

    known, invented = taxonomy_at(ledger).lessons_of, organisation().departments
    if not known:
        change_departments(ledger, [DepartmentAdded(one.id, one.name) for one in invented], at)
    elif not {one.id for one in invented} <= {*known}:
        raise BadInput("This data folder has departments of its own; a demo needs one for itself (TRIAGE_HOME).")


def invented(stamp: int) -> Iterator[Line]:
    """Invented mail without end, labelled; another `stamp` gives other mail."""
    from triage_cl.synthesis.stream import generate

    for seed in count(stamp):
        scenario = generate(seed, DAYS, MAILS_PER_DAY)
        split_at = str(scenario.changes[0]["at"])
        for line in scenario.lines:
            # As columns: a raw message would tell its own time.
            if "raw" not in line and str(line["received_at"]) < split_at:
                yield {"id": f"{seed}-{line['id']}"} | {
                    name: line[name] for name in ("sender", "subject", "body", "department")
                }


class MailRefused(TriageError):
    """The service does not take the invented mail."""


@dataclass
class Service:
    """The HTTP service that mail is sent to."""

    client: "httpx.Client"

    def send(self, lines: Sequence[Line]) -> list[Line]:
        """The decisions about mails that arrive now, as soon as the service takes them."""
        now = datetime.now(UTC).isoformat()
        mails = [{name: line[name] for name in line if name != "department"} | {"received_at": now} for line in lines]
        body = "\n".join(json.dumps(mail) for mail in mails)
        told = self._post("/emails", content=body, headers={"content-type": "application/x-ndjson"})
        return [json.loads(decision) for decision in told.splitlines()]

    def answer(self, line: Line, decision: Line) -> None:
        """Tell the service where a mail belongs, as a colleague would have."""
        correction = {
            "email_id": decision["email_id"],
            "department": line["department"],
            "reviewer": "a colleague",
            "answer_id": line["id"],
            "suggestion": None if decision["blind"] else decision["department"],
        }
        self._post("/corrections", json=correction)

    def _post(self, path: str, **what: Any) -> str:
        import httpx

        while True:
            try:
                answer = self.client.post(path, **what)
            except httpx.TransportError:
                time.sleep(AGAIN_SECONDS)
                continue
            if answer.is_success:
                return answer.text
            if answer.status_code not in (429, 503):
                raise MailRefused(f"It answers {answer.status_code} to {path}.")
            time.sleep(AGAIN_SECONDS)


def open_the_office(service: Service, mails: Iterator[Line]) -> None:
    """What there is at the start: lessons from answers given before, and mail that waits for reviewers."""
    for _ in range(TAUGHT // BATCH):
        lines = list(islice(mails, BATCH))
        for line, decision in zip(lines, service.send(lines), strict=True):
            if "email_id" in decision:
                service.answer(line, decision)
    for _ in range(NEW // BATCH):
        service.send(list(islice(mails, BATCH)))


def main() -> None:
    """Send mail to the service of the settings until stopped; raises TriageError where it refuses."""
    import httpx

    from triage_cl.bootstrap import bootstrap

    app = bootstrap()
    key = {"authorization": f"Bearer {app.access.api_key}"}
    mails = invented(int(time.time()))
    # Loopback is reached directly, whatever proxy the environment names.
    with httpx.Client(base_url=app.settings.service_url, headers=key, timeout=60, trust_env=False) as client:
        service = Service(client)
        if not app.ledger.fed():
            open_the_office(service, mails)
        for line in mails:
            service.send([line])
            time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    try:
        main()
    except TriageError as error:
        sys.exit(f"triage: {error}")
