"""The saved views of a project: all open mail by priority, and one for each department."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from triage_cl.adapters.label_studio.tasks import IS_BLIND
from triage_cl.domain.departments import Department, DepartmentAdded, DepartmentRenamed, Taxonomy
from triage_cl.usecases.ledger import Ledger

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio
    from label_studio_sdk.types.view import View

BY_PRIORITY = "By priority"
ORDERING = ["tasks:data.priority"]
OPEN = {"filter": "filter:tasks:total_annotations", "operator": "equal", "type": "Number", "value": 0}
SUGGESTED = "filter:tasks:data.department"

#: Columns that tell a reviewer nothing; people may show them again.
HIDDEN = [
    *("tasks:inner_id", "tasks:completed_at", "tasks:total_annotations", "tasks:cancelled_annotations"),
    *("tasks:total_predictions", "tasks:annotators", "tasks:annotations_results", "tasks:annotations_ids"),
    *("tasks:predictions_score", "tasks:predictions_model_versions", "tasks:predictions_results"),
    *(
        "tasks:file_upload",
        "tasks:storage_filename",
        "tasks:created_at",
        "tasks:updated_at",
        "tasks:updated_by",
        "tasks:avg_lead_time",
    ),
    *("tasks:draft_exists", "tasks:data.email_id", "tasks:data.body", "tasks:data.reasons", "tasks:data.department"),
    "tasks:data.receipt",
]
HIDDEN_BESIDE_A_TASK = [*HIDDEN, "tasks:data.header_line", "tasks:data.priority"]


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view as it should be; `department` is the id of the one it is for, None for all."""

    department: str | None
    title: str
    filters: list[dict[str, Any]]

    @property
    def data(self) -> dict[str, Any]:
        """What is ours of a view; the rest is what people made of it."""
        return {
            "title": self.title,
            "ordering": ORDERING,
            "filters": {"conjunction": "and", "items": self.filters},
        }

    def shown_by(self, view: "View") -> bool:
        """Whether a view is as it should be; Label Studio's own page forgets the types of filters."""
        told = view.data or {}
        shown = [told.get("title"), told.get("ordering"), *_meaning(told.get("filters") or {})]
        return shown == [self.title, ORDERING, *_meaning(self.data["filters"])]


def _meaning(filters: Mapping[str, Any]) -> list[object]:
    items = filters.get("items", [])
    return [filters.get("conjunction"), *((one["filter"], one["operator"], one["value"]) for one in items)]


def views_for(departments: Iterable[Department], names: Mapping[str, Sequence[str]]) -> list[SavedView]:
    """The views of a project: all open mail, then each department's, with the blind tasks that may be anybody's."""
    return [
        SavedView(None, BY_PRIORITY, [OPEN]),
        *(SavedView(one.id, one.name, [OPEN, _suggested(one.id, [*names[one.id], IS_BLIND])]) for one in departments),
    ]


def _suggested(id: str, names: Sequence[str]) -> dict[str, Any]:
    """A filter on the suggested department; the comment in the expression tells whose view it is."""
    pattern = f"^({'|'.join(re.escape(name) for name in names)})$(?#{quote(id)})"
    return {"filter": SUGGESTED, "operator": "regex", "type": "String", "value": pattern}


def names_borne(ledger: Ledger, taxonomy: Taxonomy) -> Mapping[str, list[str]]:
    """Under which names mail may wait for a department.

    Its own, earlier ones, those of departments that it took over, and all of its teams'.
    """
    borne: dict[str, list[str]] = {id: [department.name] for id, department in taxonomy.departments.items()}
    for recorded in ledger.facts(kinds=[DepartmentAdded.kind, DepartmentRenamed.kind]):
        if isinstance(recorded.fact, DepartmentAdded | DepartmentRenamed):
            names = borne.get(taxonomy.teaches(recorded.fact.id) or "", [])
            if recorded.fact.name not in names:
                names.append(recorded.fact.name)
    return {id: [name for each in (id, *taxonomy.below(id)) for name in borne[each]] for id in borne}


def keep_views(client: "LabelStudio", project: int, wanted: Sequence[SavedView]) -> list[int]:
    """Make, repair and remove what is ours among a project's views; the ids of the wanted, in order.

    Views of other people, copies of ours among them, stay as they are.
    """
    existing = _first_of_each(client.views.list(project=project))
    kept = [_keep(client, project, view, existing.pop(view.department, None)) for view in wanted]
    for ended in existing.values():
        client.views.delete(str(ended.id))
    return kept


def _keep(client: "LabelStudio", project: int, wanted: SavedView, found: "View | None") -> int:
    if found is None:
        hidden = {"explore": HIDDEN, "labeling": HIDDEN_BESIDE_A_TASK}
        fresh: Any = {"type": "list", "target": "tasks", "hiddenColumns": hidden, **wanted.data}
        return _id(client.views.create(project=project, data=fresh))
    if not wanted.shown_by(found):
        repaired: Any = {**(found.data or {}), **wanted.data}
        client.views.update(str(found.id), project=project, data=repaired)
    return _id(found)


def _id(view: "View") -> int:
    return int(view.id or 0)


def _first_of_each(views: Iterable["View"]) -> dict[str | None, "View"]:
    """Our views, by department; of several for the same, which is what copying makes, the first."""
    ours: dict[str | None, View] = {}
    for view in sorted(views, key=_id):
        told = view.data or {}
        department = _department_of(told)
        if department is not None or told.get("title") == BY_PRIORITY:
            ours.setdefault(department, view)
    return ours


def _department_of(told: Mapping[str, Any]) -> str | None:
    for one in (told.get("filters") or {}).get("items", []):
        found = re.search(r"\(\?#([^)]*)\)$", str(one.get("value")))
        if one.get("filter") == SUGGESTED and found:
            return unquote(found[1])
    return None
