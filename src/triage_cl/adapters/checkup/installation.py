"""Whether what is installed is what this version was tried with."""

import platform
import re
import sys
from importlib.metadata import distributions
from pathlib import Path

from triage_cl.adapters.checkup.finding import Finding, missing, ok, wrong
from triage_cl.adapters.label_studio import server

OLDEST_PYTHON = (3, 11)
PINNED = re.compile(r"^([\w.-]+)==([^\s;\\]+)( ;)?", re.MULTILINE)

#: How many packages that differ are named.
NAMED = 3


def installation(root: Path | None) -> list[Finding]:
    """Python, the library, and in a checkout at `root` the environments made from its locks."""
    found = [python(), source(root)]
    return found if root is None else [*found, packages(root / "requirements.lock"), label_studio(root)]


def python() -> Finding:
    """Whether this Python is new enough."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return wrong("python", version, "Use Python 3.11 or later: make PYTHON=python3.12 …")
    return ok("python", version)


def source(root: Path | None) -> Finding:
    """Whether the applications are there that run from a checkout."""
    if root is None:
        return ok("installation", "the library alone; `triage up` and `triage demo` need a checkout")
    return ok("installation", f"the checkout {root}")


def packages(lock: Path) -> Finding:
    """Whether what is installed is what the lock pins."""
    pinned = PINNED.findall(lock.read_text(encoding="utf-8"))
    allowed: dict[str, set[str]] = {}
    for name, version, _ in pinned:
        allowed.setdefault(_normal(name), set()).add(version)
    installed = {_normal(one.name): one.version for one in distributions()}
    differing = [f"{n} {v}" for n, v in sorted(installed.items()) if n in allowed and v not in allowed[n]]
    # A pin with a condition may not be for this machine.
    absent = sorted({_normal(name) for name, _, condition in pinned if not condition} - {*installed})
    if not differing and not absent:
        return ok("packages", f"as {lock.name} pins them")
    told = [*differing, *(f"no {name}" for name in absent)]
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return wrong("packages", f"{', '.join(told[:NAMED])}{more}: not as {lock.name} pins them", "Run make once more.")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def label_studio(root: Path) -> Finding:
    """Whether Label Studio is in its own environment, at the version that this one was tried with."""
    name, advice = "label studio, installed", "make label-studio"
    if not server.executable(root).exists():
        return missing(name, "it is not there", advice)
    places = server.executable(root).parents[1].glob("[Ll]ib/**/site-packages/label_studio-*.dist-info")
    versions = [place.name.removeprefix("label_studio-").removesuffix(".dist-info") for place in places]
    if versions != [server.VERSION]:
        return wrong(name, f"{' '.join(versions) or 'no version'} in place of {server.VERSION}", advice)
    return ok(name, server.VERSION)
