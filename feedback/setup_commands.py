"""`triage review setup` and `triage reviewers`: the projects in Label Studio, and who works in them."""

from collections.abc import Mapping
from typing import Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, write_json
from triage_cl.cli.reviewers import commands as reviewers


def plug_into(review: typer.Typer) -> None:
    """Add `setup` below `triage review`; what is said here of reviewers stands below `triage reviewers` already."""
    review.command()(setup)


def setup(json: Json = None) -> None:
    """Make the review screens in Label Studio, or bring them in step with departments and settings."""
    from feedback.projects import set_up
    from triage_cl.bootstrap import bootstrap

    made = set_up(bootstrap())
    listed = [{"group": one.group, "id": one.id, "url": one.url, "departments": dict(one.departments)} for one in made]
    if write_json({"projects": listed}, json):
        return
    if not made:
        console().print("There are no departments yet; `triage departments add NAME…` makes them.")
        return
    for one in made:
        _print_links(f"{one.group}: reviewers begin at", {"all mail": one.url, **one.departments})


def _print_links(title: str, links: Mapping[str, str]) -> None:
    """A line for each, never broken: a link is copied."""
    width = max(map(len, links), default=0)
    lines = [title, *(f"  {name:<{width}}  {link}" for name, link in links.items())]
    console().print("\n".join(lines), markup=False, soft_wrap=True)


@reviewers.command()
def invite(
    group: Annotated[str | None, typer.Option(help="The review group whose project is shown, too.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make a new link; those told before end.")] = False,
    json: Json = None,
) -> None:
    """Show the link through which a reviewer makes an account, and where to begin."""
    from feedback.projects import set_up
    from feedback.reviewers import invitation
    from triage_cl.bootstrap import bootstrap
    from triage_cl.domain.errors import BadInput

    app = bootstrap()
    names = app.settings.groups.names()
    if group is not None and group not in names:
        raise BadInput(f"There is no review group {group!r}; there are: {', '.join(names)}.")
    link = invitation(app, fresh)
    begin = {one.group: one.url for one in set_up(app) if group in (None, one.group)}
    if not write_json({"invitation": link, "projects": begin}, json):
        _print_links("Invitation", {"make an account": link, **{f"then review {one}": begin[one] for one in begin}})


@reviewers.command()
def add(email: Annotated[str, typer.Argument(help="The reviewer's e-mail address.")], json: Json = None) -> None:
    """Make an account for a reviewer; its password is shown once."""
    from feedback.reviewers import add as make_account
    from triage_cl.bootstrap import bootstrap

    account = make_account(bootstrap(), email)
    if not write_json({"email": account.email, "password": account.password}, json):
        print_table(
            "Made; the password is not shown again", [("e-mail", account.email), ("password", account.password)]
        )


@reviewers.command("list")
def list_reviewers(json: Json = None) -> None:
    """List whoever has an account in Label Studio."""
    from feedback.reviewers import members
    from triage_cl.bootstrap import bootstrap

    emails = members(bootstrap())
    if not write_json({"reviewers": emails}, json):
        print_table("Accounts in Label Studio", [(email,) for email in emails])
