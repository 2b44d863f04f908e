"""The projects in Label Studio, one for each review group: set up by API, as often as one likes."""

import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from feedback.saved_views import keep_views, names_borne, views_for
from feedback.screen import label_config
from feedback.task_links import keep_links
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.tasks import group_marked, mark_of, title_of
from triage_cl.bootstrap import App
from triage_cl.domain.errors import BadSettings
from triage_cl.usecases.learn import CHANGES, taxonomy_at

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

LOG = logging.getLogger("triage.review")

GUIDELINES = Path(__file__).with_name("guidelines.md")
#: What the guidelines call the console's page that tells what answers did.
CORRECTIONS = "*Corrections*"

#: Label Studio takes no longer title.
LONGEST_TITLE = 50

#: How every project is.
ALWAYS: Mapping[str, Any] = {
    "show_instruction": True,
    "show_collab_predictions": True,
    "maximum_annotations": 1,
    # Who labels all tasks gets them as they were published, each mail one person; who labels a view, in its order.
    "sampling": "Sequential sampling",
    "skip_queue": "REQUEUE_FOR_OTHERS",
    # An answer without a department is refused with a message; otherwise with silence.
    "enable_empty_annotation": True,
}
FIELDS = ("id", "description", "label_config", "expert_instruction", *ALWAYS)

#: Where the receiver takes webhooks, the header that proves them ours, and what it is told about.
WEBHOOK_PATH = "/webhooks/label-studio"
WEBHOOK_HEADER = "X-Triage-Secret"
WEBHOOK_ACTIONS = [
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_DELETED",
]


@dataclass(frozen=True, slots=True)
class Project:
    """A review group's project; `url` is where its reviewers begin, `departments` where those of a department do."""

    id: int
    group: str
    url: str
    departments: Mapping[str, str]


def set_up(app: App) -> list[Project]:
    """Bring the projects in step with departments and settings; none where there are no departments yet.

    What is right already is not touched, so that doing it twice changes nothing. Mail that stood open in projects that
    are gone is offered again. Raises ReviewScreenUnavailable, or BadSettings for a receiver that Label Studio could
    not call.
    """
    made = _make(app)
    if made and (waiting := app.label_studio.offer_again()):
        LOG.warning("%s open tasks were in projects that are gone; their mail is offered again.", f"{waiting:,}")
    return made


def _make(app: App) -> list[Project]:
    taxonomy = taxonomy_at(app.ledger)
    if not taxonomy.departments:
        return []
    groups, names = app.settings.groups, names_borne(app.ledger, taxonomy)
    departments = list(taxonomy.departments.values())
    settings = {
        "label_config": label_config(departments),
        "expert_instruction": guidelines(app.settings.console_url),
        **ALWAYS,
    }
    webhook = _webhook(app.settings.receiver_url, app.access.webhook_secret)
    with closing(connect(app)) as connection, connection.asking() as client:
        existing = _projects(client)
        made = []
        for group in groups.names():
            members = [one for one in departments if groups.group_in(taxonomy, one.id) == group]
            project = _keep_project(client, existing.get(group), group, settings)
            kept = keep_views(client, project, views_for(members, names))
            _keep_webhook(client, project, webhook)
            keep_links(client, project, app.receipt_links)
            begin = f"{connection.url}/projects/{project}/data?labeling=1&tab="
            links = {one.name: f"{begin}{view}" for one, view in zip(members, kept[1:], strict=True)}
            made.append(Project(project, group, f"{begin}{kept[0]}", links))
    return made


def in_step(app: App, after: int | None = None) -> int:
    """Set up anew if departments changed after position `after` (None: in any case) or a project is gone.

    The position to ask with the next time. Raises what `set_up` raises.
    """
    position = app.ledger.position()
    if after is None or _changed(app, after) or _some_are_gone(app):
        set_up(app)
    return position


def connect(app: App) -> Connection:
    """The way to the installation's Label Studio, as its first user."""
    return Connection(app.settings.label_studio_url.rstrip("/"), app.access.label_studio_token)


def _changed(app: App, after: int) -> bool:
    return any(True for _ in app.ledger.facts(after=after, kinds=CHANGES))


def _some_are_gone(app: App) -> bool:
    if not taxonomy_at(app.ledger).departments:
        return False
    return not set(app.settings.groups.names()) <= app.label_studio.groups()


def _projects(client: "LabelStudio") -> dict[str, Any]:
    """Our projects by review group; of several for the same, the first."""
    found: dict[str, Any] = {}
    listed: list[Any] = sorted(client.projects.list(include=",".join(FIELDS)), key=lambda one: one.id)
    for project in listed:
        group = group_marked(project.description)
        if group is not None:
            found.setdefault(group, project)
    return found


@cache
def guidelines(console: str) -> str:
    """The reviewers' guidelines as HTML, with a link to the list of corrections of the console, if there is one.

    Label Studio shows line breaks between tags, so there are none.
    """
    from markdown_it import MarkdownIt

    text = GUIDELINES.read_text(encoding="utf-8")
    linked = text.replace(CORRECTIONS, f"[{CORRECTIONS}]({console.rstrip('/')}/corrections)") if console else text
    html: str = MarkdownIt().render(linked)
    return html.replace(">\n", ">").replace("\n", " ").strip()


def _keep_project(client: "LabelStudio", found: Any, group: str, wanted: Mapping[str, Any]) -> int:
    if group_marked(mark_of(group)) != group:
        raise BadSettings(f"review_groups: {group!r} has a line break, or a space at its end.")
    if found is None:
        title = title_of(group)
        title = title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"
        made: Any = client.projects.create(title=title, description=mark_of(group), **wanted)
        return _the_first(client, group, made.id)
    differing = {name: value for name, value in wanted.items() if getattr(found, name) != value}
    if differing:
        client.projects.update(found.id, **differing)
    return int(found.id)


def _the_first(client: "LabelStudio", group: str, id: int) -> int:
    """The project just made, or the one that another process made at the same moment."""
    first = int(_projects(client)[group].id)
    if first != id:
        client.projects.delete(id)
    return first


def _webhook(receiver: str, secret: str) -> dict[str, Any]:
    host = urlsplit(receiver).hostname or ""
    if host != "localhost" and not {".", ":"} & set(host):
        raise BadSettings(f"receiver_url: Label Studio calls no host like {host!r}, only one with a dot, or localhost.")
    return {
        "url": receiver.rstrip("/") + WEBHOOK_PATH,
        "headers": {WEBHOOK_HEADER: secret},
        "send_payload": True,
        "send_for_all_actions": False,
        "is_active": True,
        "actions": WEBHOOK_ACTIONS,
    }


def _keep_webhook(client: "LabelStudio", project: int, wanted: Mapping[str, Any]) -> None:
    """Exactly one webhook that calls the receiver, wherever it was before."""
    ours = [one for one in client.webhooks.list(project=str(project)) if urlsplit(one.url).path.endswith(WEBHOOK_PATH)]
    if not ours:
        client.webhooks.create(project=project, **wanted)
    for spare in ours[1:]:
        client.webhooks.delete(spare.id)
    for first in ours[:1]:
        if not _is(first, wanted):
            client.webhooks.update(first.id, **wanted)


def _is(webhook: Any, wanted: Mapping[str, Any]) -> bool:
    told = {name: getattr(webhook, name) for name in wanted}
    return bool({**told, "actions": sorted(told["actions"] or [])} == {**wanted, "actions": sorted(WEBHOOK_ACTIONS)})
