"""`triage departments`: the departments and their changes."""

from typing import TYPE_CHECKING, Annotated

import typer

from triage_cl.cli.output import Json, print_table, write_json

if TYPE_CHECKING:
    from triage_cl.domain.departments import DepartmentChange

commands = typer.Typer(help="Show and change the departments.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A department's name or id.")]


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
def add(names: Annotated[list[str], typer.Argument(help="Names of new departments.")]) -> None:
    """Add departments."""
    from triage_cl.domain.departments import DepartmentAdded, department_id

    _record(*(DepartmentAdded(department_id(name), name) for name in names))


@commands.command()
def rename(department: Name, name: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Give a department another name; no score changes."""
    from triage_cl.domain.departments import DepartmentRenamed

    _record(DepartmentRenamed(_id(department), name))


@commands.command()
def merge(department: Name, into: Annotated[str, typer.Argument(help="The department that goes on.")]) -> None:
    """Let a department's mail and lessons be another's."""
    from triage_cl.domain.departments import DepartmentMerged

    _record(DepartmentMerged(_id(department), _id(into)))


@commands.command()
def split(department: Name, parts: Annotated[list[str], typer.Argument(help="Names of the parts.")]) -> None:
    """End a department in favour of parts, which are added where they do not exist; its old lessons leave."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.domain.departments import DepartmentAdded, DepartmentSplit, department_id
    from triage_cl.usecases.learn import taxonomy_at

    taxonomy = taxonomy_at(bootstrap().ledger)
    ids = [department_id(part) for part in parts]
    new = [DepartmentAdded(id, name) for id, name in zip(ids, parts, strict=True) if id not in taxonomy.departments]
    _record(*new, DepartmentSplit(taxonomy.named(department).id, tuple(ids)))


@commands.command()
def retire(department: Name) -> None:
    """End a department; it is never concluded again."""
    from triage_cl.domain.departments import DepartmentRetired

    _record(DepartmentRetired(_id(department)))


def _id(name: str) -> str:
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.learn import taxonomy_at

    return taxonomy_at(bootstrap().ledger).named(name).id


def _record(*changes: "DepartmentChange") -> None:
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.departments import change_departments

    taxonomy = change_departments(bootstrap().ledger, changes, utcnow())
    listed = [(department.id, department.name) for department in taxonomy.departments.values()]
    print_table("Departments", listed, ("id", "name"))
