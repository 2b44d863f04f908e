"""The link to its receipt in every open task: those that were published before there was one, or to another console."""

from typing import TYPE_CHECKING

from triage_cl.adapters.label_studio import queries
from triage_cl.adapters.label_studio.tasks import receipt_shown
from triage_cl.privacy.receipt_links import ReceiptLinks

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio


def keep_links(client: "LabelStudio", project: int, links: ReceiptLinks) -> None:
    """Let each open task of a project link to its mail's receipt; a task that does already is not touched."""
    for task, data in queries.open_data(client, project).items():
        wanted = receipt_shown(links.url(str(data.get("email_id", ""))))
        if "email_id" in data and data.get("receipt") != wanted:
            queries.change(client, task, {**data, "receipt": wanted})
