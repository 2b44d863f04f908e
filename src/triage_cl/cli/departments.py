"""`triage departments`: the departments and their changes."""

from typing import TYPE_CHECKING, Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from triage_cl.domain.departments import DepartmentChange, Taxonomy
    from triage_cl.statistics.estimators import Interval
    from triage_cl.usecases.by_department import DepartmentFigures
    from triage_cl.usecases.recount import Recount

commands = typer.Typer(help="Show and change the departments.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A department's name or id.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what it does to lessons, open tasks and accuracy; record nothing.")
]


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="departments")


@commands.command()
def show(json: Json = None) -> None:
    """List the departments, each with its teams below it, its lessons, and how often it is concluded rightly."""
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.by_department import figures_by_department
    from triage_cl.usecases.learn import taxonomy_at

    ledger = bootstrap().ledger
    taxonomy, figures = taxonomy_at(ledger), figures_by_department(ledger)
    listed = [one | _figures(figures[str(one["id"])]) for one in _listed(taxonomy)]
    if write_json({"departments": listed}, json):
        return
    known = ((figures[id], id, name) for id, name in _tree(taxonomy))
    rows = [(id, name, f"{one.lessons:,}", f"{one.answered:,}", in_words(one.accuracy)) for one, id, name in known]
    print_table("Departments", rows, ("id", "name", "lessons", "answered lately", "of these right"))


@commands.command()
def add(
    names: Annotated[list[str], typer.Argument(help="Names of new departments.")],
    under: Annotated[str | None, typer.Option("--under", help="The department whose teams they are.")] = None,
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """Add departments, or teams of one."""
    from triage_cl.domain.departments import DepartmentAdded, department_id

    parent = _id(under) if under is not None else None
    _change([DepartmentAdded(department_id(name), name, parent) for name in names], dry_run, json)


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
def move(
    department: Name,
    under: Annotated[str | None, typer.Option("--under", help="The department whose team it is from now on.")] = None,
    top: Annotated[bool, typer.Option("--top", help="It is nobody's team from now on.")] = False,
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """Make a department, with its teams, a team of another, or nobody's; the departments' lessons are learned again."""
    from triage_cl.domain.departments import DepartmentMoved
    from triage_cl.domain.errors import BadInput

    if (under is None) != top:
        raise BadInput("Say where it moves: either --under another department or --top.")
    _change([DepartmentMoved(_id(department), None if under is None else _id(under))], dry_run, json)


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
    again: Annotated[int, typer.Option(min=0, help="So many of its old mails are given to reviewers again.")] = 60,
    dry_run: DryRun = False,
    json: Json = None,
) -> None:
    """End a department in favour of parts, which are added where they do not exist; its old lessons leave."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.domain.departments import DepartmentAdded, DepartmentSplit, department_id
    from triage_cl.usecases.learn import taxonomy_at
    from triage_cl.usecases.reviewing_again import ask_about, sample_lessons

    app = bootstrap()
    taxonomy = taxonomy_at(app.ledger)
    whole = taxonomy.named(department)
    named = {department_id(part): part for part in parts}
    # The parts of a team are teams of the same department.
    new = [DepartmentAdded(id, name, whole.parent) for id, name in named.items() if id not in taxonomy.departments]
    sampled = sample_lessons(app.ledger, app.keys, whole.id, again)
    _change([*new, DepartmentSplit(whole.id, tuple(named))], dry_run, json, {"again": len(sampled)})
    if not dry_run:
        ask_about(app.ledger, sampled, utcnow())


@commands.command()
def retire(department: Name, dry_run: DryRun = False, json: Json = None) -> None:
    """End a department; it is never concluded again."""
    from triage_cl.domain.departments import DepartmentRetired

    _change([DepartmentRetired(_id(department))], dry_run, json)


@commands.command()
def undo(department: Name, dry_run: DryRun = False, json: Json = None) -> None:
    """Take back the last change of a department, as if it had never been made: its addition, too."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.domain.departments import DepartmentUndone
    from triage_cl.usecases.departments import names_ever
    from triage_cl.usecases.reviewing_again import put_away_needless

    ledger = bootstrap().ledger
    # One that was merged or retired has no name among those that there are.
    id = names_ever(ledger).get(department.casefold())
    _change([DepartmentUndone(id or _id(department))], dry_run, json)
    if not dry_run:
        put_away_needless(ledger, utcnow())


def _id(name: str) -> str:
    from triage_cl.bootstrap import bootstrap
    from triage_cl.usecases.learn import taxonomy_at

    return taxonomy_at(bootstrap().ledger).named(name).id


def _change(
    changes: "Sequence[DepartmentChange]", dry_run: bool, json: str | None, more: "Mapping[str, int] | None" = None
) -> None:
    """Record the changes, or with `dry_run` only tell what they do."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.departments import change_departments, consequences

    ledger = bootstrap().ledger
    told = consequences(ledger, changes)
    if not dry_run:
        change_departments(ledger, changes, utcnow())
    result = {
        "departments": _listed(told.departments),
        "lessons": {id: {"before": before, "after": after} for id, (before, after) in told.lessons.items()},
        "partial": dict(told.partial),
        "tasks": told.tasks,
        "accuracy": _accuracy(told.accuracy),
        **(more or {}),
        "recorded": not dry_run,
    }
    if write_json(result, json):
        return
    title = "Departments" if not dry_run else "Departments as they would be"
    print_table(title, _tree(told.departments), ("id", "name"))
    if told.lessons:
        rows = [(id, f"{before:,}", f"{after:,}") for id, (before, after) in told.lessons.items()]
        print_table("Lessons that count", rows, ("department", "before", "after"))
    if told.partial:
        partial = [(id, f"{lessons:,}") for id, lessons in told.partial.items()]
        print_table("Lessons that may be any team's", partial, ("department", "lessons"))
    if told.tasks:
        console().print(f"Open tasks that suggest another department, or none, than before: {told.tasks:,}.")
    if more:
        console().print(f"Old mails that reviewers are asked about again, by topic: {more['again']:,}.")
    if dry_run:
        _print_accuracy(told.accuracy)
        console().print("Nothing was recorded.")


def _accuracy(told: "Recount") -> "dict[str, object] | None":
    from triage_cl.usecases.account import interval_as_json

    if told.before is None and told.after is None:
        return None
    intervals = {"before": interval_as_json(told.before), "after": interval_as_json(told.after)}
    return {**intervals, "decisions_leaving": told.decisions, "answers_leaving": told.answers, "new": list(told.new)}


def in_words(share: "Interval | None") -> str:
    """An estimated share with its interval, for people."""
    return f"{share.point:.1%} ({share.low:.1%} to {share.high:.1%})" if share else "too few answers"


def _print_accuracy(told: "Recount") -> None:
    rows = {"before": in_words(told.before), "after": in_words(told.after)}
    new = dict.fromkeys(told.new, "not known yet")
    print_table("Accuracy of the last decisions, as they count", list((rows | new).items()))
    if told.decisions:
        console().print(f"Decisions that count no more: {told.decisions:,}, of them answered: {told.answers:,}.")


def _listed(taxonomy: "Taxonomy") -> list[dict[str, str | None]]:
    from triage_cl.domain.hierarchy import in_order

    ordered = in_order(taxonomy.departments.values())
    return [{"id": one.id, "name": one.name, "parent": one.parent} for one in ordered]


def _figures(told: "DepartmentFigures") -> "dict[str, object]":
    from triage_cl.usecases.account import interval_as_json

    counts = {"lessons": told.lessons, "decided": told.decided, "answered": told.answered}
    return {**counts, "accuracy": interval_as_json(told.accuracy) if told.accuracy else None}


def _tree(taxonomy: "Taxonomy") -> list[tuple[str, str]]:
    """Ids and names of departments, teams indented below theirs."""
    from triage_cl.domain.hierarchy import in_order

    ordered = in_order(taxonomy.departments.values())
    return [(one.id, "  " * len(taxonomy.above(one.id)) + one.name) for one in ordered]
