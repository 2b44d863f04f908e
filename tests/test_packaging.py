"""What a user installs is what the checkout holds: the wheel, and the lock files."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ("bootstrap.lock", "encoder.lock", "label-studio.lock", "requirements.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def built(target: str, folder: Path) -> Path:
    """The one file that building `target` leaves; the backend runs in this environment, so nothing is downloaded."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(built("wheel", tmp_path_factory.mktemp("wheel"))) as archive:
        yield archive


def of_dist_info(wheel: zipfile.ZipFile, name: str) -> bytes:
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path)


def metadata(wheel: zipfile.ZipFile) -> Message:
    return BytesParser().parsebytes(of_dist_info(wheel, "METADATA"))


def locked_lines(lock: str) -> list[str]:
    """One line for each requirement, its hashes included."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def locked_requirements(lock: str) -> list[Requirement]:
    return [Requirement(HASH.sub("", line).strip()) for line in locked_lines(lock)]


def declared_requirements() -> list[str]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    groups = PROJECT["dependency-groups"].values()
    return [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *(requirement for requirements in (*extras, *groups) for requirement in requirements),
    ]


def test_the_wheel_holds_the_library_and_nothing_else_at_its_top(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"triage_cl"}


def test_the_wheel_holds_every_file_of_the_library(wheel: zipfile.ZipFile) -> None:
    source = ROOT / "src"
    files = (path for path in (source / "triage_cl").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {path.relative_to(source).as_posix() for path in files} <= set(wheel.namelist())


@pytest.mark.parametrize("folder", ["synthesis", "adapters/sql/migrations"])
def test_the_wheel_holds_what_the_library_reads_at_run_time(wheel: zipfile.ZipFile, folder: str) -> None:
    assert any(name.startswith(f"triage_cl/{folder}/") for name in wheel.namelist())


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    points = ConfigParser()
    points.read_string(of_dist_info(wheel, "entry_points.txt").decode())
    assert dict(points["console_scripts"]) == {"triage": "triage_cl.cli.main:main"}


def test_the_wheel_carries_its_licence_and_its_readme(wheel: zipfile.ZipFile) -> None:
    described = metadata(wheel)
    assert described["License-Expression"] == "Apache-2.0"
    assert described.get_payload()
    assert of_dist_info(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_source_archive_holds_the_applications_their_tests_and_the_locks(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", *LOCKS, "tests/test_packaging.py"} <= names
    assert {f"{folder}/__init__.py" for folder in ("flows", "feedback", "dashboards", "src/triage_cl")} <= names


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_requirement_by_version_and_hash(lock: str) -> None:
    assert locked_lines(lock)
    assert [line for line in locked_lines(lock) if not HASH.search(line)] == []
    assert [str(r) for r in locked_requirements(lock) if [s.operator for s in r.specifier] != ["=="]] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_says_what_to_install_and_not_from_where(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert [line for line in locked_lines(lock) if line.startswith("-") or " @ " in line] == []
    assert not re.search(r"--(?!hash=)", text)


@pytest.mark.parametrize("declared", declared_requirements())
def test_the_lock_satisfies_what_the_project_declares(declared: str) -> None:
    wanted = Requirement(declared)
    candidates = [
        pinned
        for pinned in [*locked_requirements("requirements.lock"), *locked_requirements("encoder.lock")]
        if canonicalize_name(pinned.name) == canonicalize_name(wanted.name)
    ]
    versions = [next(iter(pinned.specifier)).version for pinned in candidates]
    assert versions
    assert [version for version in versions if version not in wanted.specifier] == []


def test_what_encoders_need_comes_on_top_of_the_rest_and_changes_nothing_of_it() -> None:
    base, added = (
        {canonicalize_name(pinned.name) for pinned in locked_requirements(lock)}
        for lock in ("requirements.lock", "encoder.lock")
    )
    assert not base & added
    assert {"onnxruntime", "tokenizers"} <= added
    assert not {name for name in base | added if name in ("torch", "transformers", "sentence-transformers")}


def test_the_guide_without_make_names_what_make_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    guide = (ROOT / "docs/how-to/set-up-without-make.md").read_text(encoding="utf-8")
    told = {
        target: re.findall("`(.+?)`", cell) for target, cell in re.findall(r"^\| `make (\w+)` \| (.+) \|$", guide, re.M)
    }
    recipes = dict(re.findall(r"^(\w+):.*\n((?:\t.+\n)+)", makefile, re.M))
    assert told == {target: recipes[target].strip().split("\n\t") for target in told}
    assert {"demo", "test", "check"} <= set(told)
