"""The board that is a real Label Studio: reviewers with accounts of their own act through its API."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from feedback.chaos_board import Board, Boards
from feedback.chaos_office import Office
from feedback.chaos_postbox import Postbox, postbox
from feedback.chaos_server import LabelStudioServer, label_studio_server
from feedback.double import Event, Row
from feedback.projects import set_up
from feedback.reviewers import Account, add
from triage_cl.adapters.label_studio.connection import TIMEOUT_SECONDS
from triage_cl.bootstrap import App, utcnow
from triage_cl.domain.errors import ReviewScreenUnavailable
from triage_cl.settings import load_settings

REVIEWERS = 4
#: Tasks a page of the independent look at everything.
PAGE = 100


@contextmanager
def in_label_studio(root: Path | None, folder: Path) -> Iterator[Boards]:
    """Boards in a Label Studio that is started in `folder`, of the checkout `root`, and ended with the block.

    Raises BadInput where none is installed, ReviewScreenUnavailable where it does not start.
    """
    folder.mkdir(parents=True)
    with postbox(folder / "webhooks") as box, label_studio_server(root, folder / "label-studio") as server:
        yield BoardsOf(server, box)


@dataclass
class BoardsOf:
    """Boards of one server, each a project that vanishes at its end; the reviewers are the same in all of them."""

    server: LabelStudioServer
    box: Postbox
    _tokens: list[str] = field(default_factory=list, init=False)

    @contextmanager
    def __call__(self, office: Office) -> Iterator[Board]:
        """The project of an office, set up as any installation's is, its reviewers there."""
        with ExitStack() as opened, closing(App(self._settings(office))) as app:
            [project] = set_up(app)
            self._tokens = self._tokens or [_key_of(app, number) for number in range(REVIEWERS)]
            staff = [opened.enter_context(self._as(token)) for token in self._tokens]
            first = opened.enter_context(self._as(self.server.access.label_studio_token))
            try:
                yield ServerBoard(self.server, self.box, project.id, first, staff)
            finally:
                _sent(first, "DELETE", f"/api/projects/{project.id}/")

    def _settings(self, office: Office) -> Any:
        return load_settings(
            home=office.folder / "home",
            database_url=str(office.ledger.engine.url),
            key=office.keys.hex(),
            registry="folder",
            reviews="label-studio",
            review_groups={},
            label_studio_url=self.server.url,
            label_studio_token=self.server.access.label_studio_token,
            receiver_url=self.box.url,
        )

    def _as(self, token: str) -> httpx.Client:
        key = {"Authorization": f"Token {token}"}
        return httpx.Client(base_url=self.server.url, headers=key, trust_env=False, timeout=TIMEOUT_SECONDS)


def _key_of(app: App, number: int) -> str:
    """The API key of a reviewer who is new."""
    account = add(app, f"reviewer-{number}@example.com")
    with httpx.Client(base_url=app.settings.label_studio_url, trust_env=False, timeout=TIMEOUT_SECONDS) as visitor:
        _log_in(visitor, account)
        return str(_sent(visitor, "GET", "/api/current-user/token")["token"])


def _log_in(visitor: httpx.Client, account: Account) -> None:
    visitor.get("/user/login/").raise_for_status()
    form = {"email": account.email, "password": account.password, "csrfmiddlewaretoken": visitor.cookies["csrftoken"]}
    visitor.post("/user/login/", data=form)


class ServerBoard:
    """A project of a real server, acted on by reviewers, and the webhooks that came of it."""

    ask = None
    reviewers, lookup = REVIEWERS, 1.0

    def __init__(
        self, server: LabelStudioServer, box: Postbox, project: int, first: httpx.Client, staff: Sequence[httpx.Client]
    ) -> None:
        self.url, self.token = server.url, server.access.label_studio_token
        self.tasks: Mapping[str, int] = {}
        self._server, self._box, self._project, self._first, self._staff = server, box, project, first, staff

    @property
    def now(self) -> datetime:
        """The clock, which is everybody's."""
        return utcnow()

    def submit(self, mail: str, reviewer: int, result: Sequence[Row], skipped: bool = False) -> int:
        """Somebody answers or skips a task; the annotation."""
        body = {"result": result, "was_cancelled": skipped, "lead_time": 3.5}
        return int(self._does(reviewer, "POST", f"/api/tasks/{self.tasks[mail]}/annotations/", body)["id"])

    def change(self, annotation: int, reviewer: int, result: Sequence[Row]) -> None:
        """Somebody saves an annotation."""
        self._does(reviewer, "PATCH", f"/api/annotations/{annotation}/", {"result": result, "was_cancelled": False})

    def withdraw(self, annotation: int) -> None:
        """Somebody deletes an annotation."""
        self._does(0, "DELETE", f"/api/annotations/{annotation}/")

    def accept(self, mails: Sequence[str], reviewer: int) -> Mapping[str, tuple[int, Sequence[Row]]]:
        """Somebody turns predictions into annotations."""
        before = {mail: self._annotations(mail) for mail in mails}
        self._at_once(reviewer, "predictions_to_annotations", mails)
        after = {mail: self._annotations(mail) for mail in mails}
        new = {mail: [after[mail][id] for id in sorted(after[mail].keys() - before[mail].keys())] for mail in mails}
        return {mail: (one["id"], one["result"]) for mail, made in new.items() for one in made}

    def clear(self, mails: Sequence[str]) -> None:
        """Somebody deletes all annotations of several tasks."""
        self._at_once(0, "delete_tasks_annotations", mails)

    def bring_in(self, mail: str, reviewer: int, result: Sequence[Row]) -> None:
        """Somebody imports an answered task."""
        data = _sent(self._first, "GET", f"/api/tasks/{self.tasks[mail]}/")["data"]
        rows = [{"data": data, "annotations": [{"result": result}]}]
        self._does(reviewer, "POST", f"/api/projects/{self._project}/import", rows)

    def delete_task(self, mail: str) -> None:
        """Somebody deletes a task."""
        self._does(0, "DELETE", f"/api/tasks/{self.tasks[mail]}/")

    def webhooks(self) -> Sequence[Event]:
        """What it sent since this was asked last; each was sent before the request that caused it was answered."""
        return self._box.empty()

    def go_down(self, kill: bool, /) -> None:
        """End, in good order or not, and begin again."""
        self._server.stop(kill)
        self._server.start()

    def come_up(self, meanwhile: Callable[[float], None]) -> None:
        """Be there again."""
        self._server.wait(meanwhile)

    def state(self) -> list[Row]:
        """All tasks with their annotations, page by page, without any filter."""
        found: list[Row] = []
        for page in count(1):
            asked = f"/api/tasks?project={self._project}&fields=all&page={page}&page_size={PAGE}"
            told = _sent(self._first, "GET", asked)
            found += told["tasks"]
            if len(found) >= told["total"]:
                break
        return found

    def _annotations(self, mail: str) -> dict[int, Row]:
        told = _sent(self._first, "GET", f"/api/tasks/{self.tasks[mail]}/annotations/")
        return {one["id"]: one for one in told}

    def _at_once(self, reviewer: int, action: str, mails: Sequence[str]) -> None:
        selected = {"all": False, "included": [self.tasks[mail] for mail in mails]}
        asked = f"/api/dm/actions?id={action}&project={self._project}"
        self._does(reviewer, "POST", asked, {"selectedItems": selected})

    def _does(self, reviewer: int, method: str, path: str, body: object = None) -> Any:
        return _sent(self._staff[reviewer], method, path, body)


def _sent(client: httpx.Client, method: str, path: str, body: object = None) -> Any:
    """What the server answers; raises ReviewScreenUnavailable where it refuses or breaks off."""
    try:
        answer = client.request(method, path, json=body).raise_for_status()
    except httpx.HTTPStatusError as error:
        raise ReviewScreenUnavailable(f"{method} {path} was answered {error.response.status_code}.") from None
    except httpx.HTTPError as error:
        raise ReviewScreenUnavailable(f"{method} {path}: {type(error).__name__}.") from None
    return answer.json() if answer.content else None
