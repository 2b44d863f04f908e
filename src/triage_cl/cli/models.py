"""`triage learn`, `retrain`, `challengers`, `promote`, `rollback`: model versions and who acts."""

from typing import Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, write_json


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (learn, retrain, challengers, promote, rollback):
        app.command()(command)


def learn(json: Json = None) -> None:
    """Let the live learners catch up with the ledger, and keep their snapshots."""
    from triage_cl.bootstrap import bootstrap, utcnow

    app = bootstrap()
    app.ensure_ready(utcnow())
    desk = app.desk()
    desk.refresh()
    rows = []
    for entrant, learner in desk.learners.items():
        app.snapshots.save(learner)
        rows.append((entrant, learner.through, learner.as_of, learner.lessons, learner.fingerprint()))
    keys = ("entrant", "through", "as_of", "lessons", "fingerprint")
    if not write_json({"learners": [dict(zip(keys, row, strict=True)) for row in rows]}, json):
        print_table("Live learners", [tuple(map(str, row)) for row in rows], keys)


def retrain(
    recipe: Annotated[str | None, typer.Option(help="The recipe; by default the one that may challenge.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "asked for on the command line",
    json: Json = None,
) -> None:
    """Fold the ledger with a recipe and register the result; it challenges the champion."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.retrain import challenging_recipe
    from triage_cl.usecases.retrain import retrain as make_version

    app = bootstrap()
    app.ensure_ready(utcnow())
    wanted = recipe or challenging_recipe(app.ledger, app.settings.recipe, app.settings.challenger)
    version, learner = make_version(app.ledger, app.registry, wanted, app.features_key, [reason], utcnow())
    app.snapshots.save(learner)
    result = {"version": version.version, "lessons": version.lessons, "fingerprint": version.fingerprint}
    if not write_json(result, json):
        print_table("Registered", [(name, str(value)) for name, value in result.items()])


def challengers(json: Json = None) -> None:
    """Show the versions, who is champion and who challenges, and what the duel says."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.promote import look
    from triage_cl.usecases.retrain import standing_at

    app = bootstrap()
    standing = standing_at(app.ledger)
    named = {version: alias for alias, version in standing.aliases.items()}
    judged = look(app.ledger, app.settings.rule, utcnow(), app.settings.answer_window)
    result = {
        "versions": [
            {"version": v.version, "alias": named.get(v.version), "lessons": v.lessons, "fingerprint": v.fingerprint}
            for v in standing.versions.values()
        ],
        "duel": None
        if judged is None
        else {
            "champion": judged.champion.version,
            "challenger": judged.challenger.version,
            "verdict": judged.decision.verdict.value,
            "reasons": list(judged.decision.reasons),
        },
    }
    if write_json(result, json):
        return
    rows = [(v.version, named.get(v.version, ""), str(v.lessons)) for v in standing.versions.values()]
    print_table("Model versions", rows, ("version", "alias", "lessons"))
    if judged is None:
        console().print("\nNobody challenges the champion; `triage retrain` makes a challenger.")
    else:
        console().print(f"\nThe duel so far: {judged.decision.verdict}; " + "; ".join(judged.decision.reasons))


def promote(
    version: Annotated[str, typer.Argument(help="The model version that becomes champion.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    by: Annotated[str, typer.Option(help="Who decides, for the record.")],
) -> None:
    """Make a version champion by a person's decision; the deposed champion stays in shadow."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.domain.errors import BadInput
    from triage_cl.usecases.promote import promote as make_champion
    from triage_cl.usecases.retrain import standing_at

    app = bootstrap()
    versions = standing_at(app.ledger).versions
    if version not in versions:
        raise BadInput(f"{version} is no registered version; `triage challengers` lists them.")
    make_champion(app.ledger, app.registry, versions[version], (reason,), by, utcnow())
    console().print(f"{version} is champion.")


def rollback(
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    by: Annotated[str, typer.Option(help="Who decides, for the record.")],
) -> None:
    """Make the version champion again that was it before."""
    from triage_cl.bootstrap import bootstrap, utcnow
    from triage_cl.usecases.promote import roll_back

    app = bootstrap()
    version = roll_back(app.ledger, app.registry, (reason,), by, utcnow())
    console().print(f"{version.version} is champion again.")
