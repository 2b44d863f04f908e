"""The rules that keep the code in its shape: who may import whom, how long a file may be, what it may not name."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE_FOLDERS = ("src", "flows", "feedback", "dashboards")
APPLICATIONS = ("flows", "feedback", "dashboards")
LONGEST_FILE = 300
DATA = {".json", ".jsonl", ".toml"}
HEAVY = {"evidently", "mlflow", "numba", "numpy", "pandas", "prefect", "river", "scipy", "sklearn", "sqlalchemy"}
RUNS_CODE_WHEN_LOADED = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
PATH_OF_ONE_MACHINE = re.compile(r"(?<![\w.*$}~-])/(?:work|home|root|tmp|Users|mnt)/\w")
PACKAGE_REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org|archive\.ubuntu\.com|conda\.anaconda\.org"
)


def project_files() -> list[Path]:
    """The files git tracks, and those it would track once added."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [ROOT / name for name in sorted(set(listing.stdout.split("\0"))) if name and (ROOT / name).is_file()]


def code_files() -> list[Path]:
    """What is read as code: modules, templates, style sheets; not tables of data."""
    mine = (path for path in project_files() if path.relative_to(ROOT).parts[0] in CODE_FOLDERS)
    return [path for path in mine if path.suffix not in DATA]


def python_files() -> list[Path]:
    return [path for path in code_files() if path.suffix == ".py"]


def text_of(path: Path) -> str:
    """The file's text; nothing for a picture or another binary."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def places(pattern: re.Pattern[str], paths: list[Path]) -> Iterator[str]:
    for path in paths:
        for number, line in enumerate(text_of(path).splitlines(), start=1):
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_packages(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def allows_pickle(tree: ast.AST) -> bool:
    keywords = (node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "allow_pickle")
    return any(not (isinstance(word.value, ast.Constant) and word.value.value is False) for word in keywords)


def test_the_import_contracts_hold() -> None:
    outcome = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_no_module_of_an_application_shadows_the_standard_library() -> None:
    paths = [path for application in APPLICATIONS for path in (ROOT / application).rglob("*")]
    modules = {path.stem for path in paths if path.suffix == ".py" or path.is_dir()}
    assert modules & sys.stdlib_module_names == set()


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {str(path.relative_to(ROOT)): len(text_of(path).splitlines()) for path in code_files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_file_names_a_path_of_one_machine() -> None:
    assert list(places(PATH_OF_ONE_MACHINE, project_files())) == []


def test_no_file_names_a_package_registry() -> None:
    assert list(places(PACKAGE_REGISTRY, project_files())) == []


@pytest.mark.parametrize("line", ["see /work" + "/x", 'open("/tmp' + '/y")', "sqlite:////home" + "/me/z"])
def test_a_path_of_one_machine_is_recognised(line: str) -> None:
    assert PATH_OF_ONE_MACHINE.search(line)


@pytest.mark.parametrize("line", ["src/work/x", "https://example.org/home/y", "./tmp/z", "tmp_path / 'tmp/x'"])
def test_a_relative_path_is_no_path_of_one_machine(line: str) -> None:
    assert not PATH_OF_ONE_MACHINE.search(line)


def test_nothing_is_imported_that_runs_code_when_it_loads_data() -> None:
    unsafe = {str(path): RUNS_CODE_WHEN_LOADED & {*imported_packages(parsed(path))} for path in python_files()}
    assert {path: packages for path, packages in unsafe.items() if packages} == {}


def test_no_array_is_loaded_with_pickle_allowed() -> None:
    assert [str(path) for path in python_files() if allows_pickle(parsed(path))] == []


def test_the_help_answers_without_importing_what_is_slow() -> None:
    program = (
        "import sys\n"
        "from triage_cl.cli.main import main\n"
        "sys.argv = ['triage', '--help']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    print('imported:', *sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    outcome = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert "Usage" in outcome.stdout
    assert outcome.stdout.splitlines()[-1] == "imported:"
