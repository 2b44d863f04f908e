"""`triage departments`: the departments and their changes."""

from typing import TYPE_CHECKING, Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage_cl.domain.departments import DepartmentChange

commands = typer.Typer(help="Show and change the departments.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A department's name or id.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what it does to lessons and open tasks; record nothing.")]


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="departments")


@commands.command()
def show(json: Json = None) -> None:
    """List the departments."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.learn import taxonomy_at

    taxonomy = taxonomy_at(bootstrap().ledger)
    listed = [(department.id, department.name) for department in taxonomy.departments.values()]
    if not write_json({"departments": [{"id": id, "name": name} for id, name in listed]}, json):
        print_table("Departments", listed, ("id", "name"))


@commands.command()
def add(
    names: Annotated[list[str], typer.Argument(help="Names of new departments.")],
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """Add departments."""
    from triage_cl.domain.departments import DepartmentAdded, department_id

    _change([DepartmentAdded(department_id(name), name) for name in names], dry_run, json)


@commands.command()
def rename(
    department: Name,
    name: Annotated[str, typer.Argument(help="The new name.")],
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """Give a department another name; no score changes."""
    from triage_cl.domain.departments import DepartmentRenamed

    _change([DepartmentRenamed(_id(department), name)], dry_run, json)


@commands.command()
def merge(
    department: Name,
    into: Annotated[str, typer.Argument(help="The department that goes on.")],
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """Let a department's mail and lessons be another's."""
    from triage_cl.domain.departments import DepartmentMerged

    _change([DepartmentMerged(_id(department), _id(into))], dry_run, json)


@commands.command()
def split(
    department: Name,
    parts: Annotated[list[str], typer.Argument(help="Names of the parts.")],
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """End a department in favour of parts, which are added where they do not exist; its old lessons leave."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.domain.departments import DepartmentAdded, DepartmentSplit, department_id
    from triage_cl.usecases.learn import taxonomy_at

    taxonomy = taxonomy_at(bootstrap().ledger)
    ids = [department_id(part) for part in parts]
    new = [DepartmentAdded(id, name) for id, name in zip(ids, parts, strict=True) if id not in taxonomy.departments]
    _change([*new, DepartmentSplit(taxonomy.named(department).id, tuple(ids))], dry_run, json)


@commands.command()
def retire(department: Name, dry_run: DryRun = False, json: Json = None) -> None:
    """End a department; it is never concluded again."""
    from triage_cl.domain.departments import DepartmentRetired

    _change([DepartmentRetired(_id(department))], dry_run, json)


@commands.command()
def undo(department: Name, dry_run: DryRun = False, json: Json = None) -> None:
    """Take back the last change of a department, as if it had never been made: its addition, too."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.domain.departments import DepartmentUndone
    from triage_cl.usecases.departments import names_ever

    # One that was merged or retired has no name among those that there are.
    id = names_ever(bootstrap().ledger).get(department.casefold())
    _change([DepartmentUndone(id or _id(department))], dry_run, json)


def _id(name: str) -> str:
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.learn import taxonomy_at

    return taxonomy_at(bootstrap().ledger).named(name).id


def _change(changes: "Sequence[DepartmentChange]", dry_run: bool, json: str | None) -> None:
    """Record the changes, or with `dry_run` only tell what they do."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.departments import change_departments, consequences

    ledger = bootstrap().ledger
    told = consequences(ledger, changes)
    if not dry_run:
        change_departments(ledger, changes, utcnow())
    listed = [(department.id, department.name) for department in told.departments.departments.values()]
    result = {
        "departments": [{"id": id, "name": name} for id, name in listed],
        "lessons": {id: {"before": before, "after": after} for id, (before, after) in told.lessons.items()},
        "tasks": told.tasks,
        "recorded": not dry_run,
    }
    if write_json(result, json):
        return
    print_table("Departments" if not dry_run else "Departments as they would be", listed, ("id", "name"))
    if told.lessons:
        rows = [(id, f"{before:,}", f"{after:,}") for id, (before, after) in told.lessons.items()]
        print_table("Lessons that count", rows, ("department", "before", "after"))
    if told.tasks:
        console().print(f"Open tasks that suggest another department, or none, than before: {told.tasks:,}.")
    if dry_run:
        console().print("Nothing was recorded.")
