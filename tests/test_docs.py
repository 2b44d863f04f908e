"""What can be enumerated in the docs is checked against the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from triage_cl.adapters.sql.views import VIEWS
from triage_cl.cli.main import app
from triage_cl.domain.facts import KINDS
from triage_cl.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"


def commands(group: Any, path: str = "triage") -> Iterator[tuple[str, Any]]:
    """Every command with its full name; a group counts where it does something by itself."""
    if hasattr(group, "commands"):
        if group.invoke_without_command and path != "triage":
            yield path, group
        for name, command in group.commands.items():
            yield from commands(command, f"{path} {name}")
    else:
        yield path, group


ALL = dict(commands(typer.main.get_command(app)))


def test_every_command_is_in_the_reference_and_nothing_else() -> None:
    text = (DOCS / "reference" / "commands.md").read_text()
    assert set(re.findall(r"^\| `(triage [a-z -]+)` \|", text, re.MULTILINE)) == set(ALL)


def test_every_command_and_option_has_help() -> None:
    missing = [name for name, command in ALL.items() if not command.help]
    missing += [
        f"{name} {parameter.name}"
        for name, command in ALL.items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert missing == []


def test_every_command_named_in_the_docs_exists() -> None:
    known = {name.removeprefix("triage ") for name in ALL}
    pages = "\n".join(page.read_text() for page in [DOCS.parent / "README.md", *DOCS.rglob("*.md")])
    spelled = set(re.findall(r"`triage ((?:[a-z]+ ?)+)`", pages))
    assert len(spelled) > 10
    assert {name.strip() for name in spelled} - known - {"verify", "bench"} == set()


def test_every_setting_is_in_the_reference_with_its_default_and_meaning() -> None:
    text = (DOCS / "reference" / "settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    expected = [
        (name, f"`{field.default}`" if field.default not in (None, "") else "", field.description)
        for name, field in Settings.model_fields.items()
    ]
    assert rows == expected


def test_every_view_and_kind_of_fact_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "ledger.md").read_text()
    assert set(re.findall(r"^\| `(triage_\w+)` \|", text, re.MULTILINE)) == set(VIEWS)
    kinds = re.findall(r"`([a-z-]+)`", text[text.index("## Kinds of facts") :])
    assert set(kinds) == set(KINDS)


def test_every_decision_record_is_listed() -> None:
    folder = DOCS / "decisions"
    listed = set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [DOCS.parent / "README.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(DOCS.parent)}: {target}")
    assert broken == []
