"""The model registry: one contract for the folder and for MLflow, then what is particular to each."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tiny_encoder import a_tiny_encoder
from triage_cl.adapters.encoders.distil import distil
from triage_cl.adapters.encoders.export import export
from triage_cl.adapters.encoders.static import StaticVectors
from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.mlflow_registry import SNAPSHOT, MlflowRegistry
from triage_cl.domain.errors import BadSettings, BadSnapshot, RegistryUnavailable
from triage_cl.learning.hashing import describe
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import find_recipe
from triage_cl.privacy.keys import Keys
from triage_cl.settings import load_settings
from triage_cl.usecases.encode import text_to_encode
from triage_cl.usecases.registry import Entry, Registry, UnknownVersion

KEYS = Keys.from_seed(5)
Open = Callable[[], Registry]


def entry(version="hashed-ensemble@12-14", reasons=("asked for",), lessons=40.0):
    return Entry(version, "hashed-ensemble", 3, 12, 14, "f00d", {"lessons": lessons}, reasons)


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory) -> Path:
    """An empty MLflow database: copying it is quicker than making one for each test."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    MlflowRegistry(f"sqlite:///{path}").aliased("champion")
    return path


def mlflow_in(folder: Path, database: Path) -> Open:
    shutil.copy(database, folder / "mlflow.db")
    return lambda: MlflowRegistry(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"))


@pytest.fixture(params=["folder", pytest.param("mlflow", marks=pytest.mark.integration)])
def opened(request, tmp_path) -> Open:
    """Opens one and the same registry, as several processes do."""
    if request.param == "folder":
        return lambda: FolderRegistry(tmp_path / "registry")
    return mlflow_in(tmp_path, request.getfixturevalue("mlflow_database"))


@pytest.fixture
def registry(opened) -> Registry:
    return opened()


def test_a_registered_snapshot_comes_back_byte_for_byte(registry):
    registry.register(entry(), b"\x00\xff bytes")
    assert registry.snapshot(entry().version) == b"\x00\xff bytes"


def test_what_is_registered_beside_a_snapshot_comes_back(registry):
    registry.register(entry(reasons=("drift: PSI 0.31", "asked for by an operator")), b"bytes")
    assert registry.entry(entry().version) == entry(reasons=("drift: PSI 0.31", "asked for by an operator"))


def test_registering_a_version_twice_is_registering_it_once(registry):
    first = registry.register(entry(), b"first")
    assert registry.register(entry(lessons=41.0), b"second") == first
    assert registry.snapshot(entry().version) == b"first"
    assert registry.entry(entry().version).metrics == {"lessons": 40.0}


def test_each_version_has_a_name_of_its_own(registry):
    names = [registry.register(entry(version), b"bytes") for version in ("a@1-1", "a@1-2", "a+1@1-2")]
    assert len(set(names)) == 3


def test_an_alias_names_nobody_until_it_is_pointed(registry):
    assert registry.aliased("champion") is None


def test_a_rollback_points_the_alias_back(registry):
    for version in ("a@1-1", "b@2-2"):
        registry.register(entry(version), version.encode())
    seen = []
    for version in ("a@1-1", "b@2-2", "a@1-1"):
        registry.point("champion", version)
        seen.append(registry.aliased("champion"))
    assert seen == ["a@1-1", "b@2-2", "a@1-1"]
    assert registry.snapshot("b@2-2") == b"b@2-2"


def test_aliases_move_independently(registry):
    for version in ("a@1-1", "b@2-2"):
        registry.register(entry(version), b"bytes")
    registry.point("champion", "a@1-1")
    registry.point("challenger", "b@2-2")
    registry.point("challenger", None)
    registry.point("challenger", None)
    assert (registry.aliased("champion"), registry.aliased("challenger")) == ("a@1-1", None)


def test_later_metrics_replace_earlier_ones_and_reasons_are_appended(registry):
    registry.register(entry(), b"bytes")
    registry.annotate(entry().version, {"lessons": 44.0, "gain": 0.02}, ("e-value 40 reached 20",))
    registry.annotate(entry().version, {}, ("rolled back",))
    found = registry.entry(entry().version)
    assert found.metrics == {"lessons": 44.0, "gain": 0.02}
    assert found.reasons == ("asked for", "e-value 40 reached 20", "rolled back")


@pytest.mark.parametrize(
    "use",
    [
        lambda registry: registry.snapshot("nobody@1-1"),
        lambda registry: registry.entry("nobody@1-1"),
        lambda registry: registry.point("champion", "nobody@1-1"),
        lambda registry: registry.annotate("nobody@1-1", {"gain": 1.0}, ()),
    ],
    ids=["snapshot", "entry", "point", "annotate"],
)
def test_an_unknown_version_is_named_in_the_error(registry, use):
    with pytest.raises(UnknownVersion, match="nobody@1-1"):
        use(registry)
    assert registry.aliased("champion") is None


def test_what_one_process_registers_another_sees(opened):
    here, there = opened(), opened()
    assert there.aliased("champion") is None
    name = here.register(entry(), b"bytes")
    here.point("champion", entry().version)
    assert there.aliased("champion") == entry().version
    assert there.register(entry(), b"other bytes") == name
    assert there.snapshot(entry().version) == b"bytes"


# The folder


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(version=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_version_and_alias_has_a_place_in_the_folder(tmp_path, version):
    registry = FolderRegistry(tmp_path)
    registry.register(entry(version), version.encode())
    registry.point(version, version)
    assert registry.snapshot(version) == version.encode()
    assert registry.aliased(version) == version


def test_of_many_who_register_a_version_at_once_one_wins_whole(tmp_path):
    def register(number):
        return FolderRegistry(tmp_path).register(entry(lessons=float(number)), b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(register, range(32)))
    registry = FolderRegistry(tmp_path)
    assert len(names) == 1
    assert registry.entry(entry().version).metrics["lessons"] == int(registry.snapshot(entry().version))


def test_nothing_is_left_behind_but_versions_and_aliases(tmp_path):
    registry = FolderRegistry(tmp_path)
    registry.register(entry(), b"bytes")
    registry.register(entry(), b"bytes")
    registry.point("champion", entry().version)
    registry.annotate(entry().version, {"gain": 1.0}, ())
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    folder = f"versions/{entry().version}"
    assert files == ["aliases/champion", f"{folder}/entry.json", f"{folder}/snapshot"]


def test_a_place_where_no_folder_can_be_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RegistryUnavailable, match="file"):
        FolderRegistry(tmp_path / "file" / "registry")


# MLflow


@pytest.fixture
def taught() -> Learner:
    learner = Learner(find_recipe("hashed-ensemble"), KEYS.subkey("features"))
    for position in range(1, 21):
        subject, department = ("invoice", "billing") if position % 2 else ("password", "it")
        learner.learn(position, describe(learner.key, mail(subject)), department)
    return learner


def mail(subject):
    return {"subject": subject, "body": f"about my {subject}, please", "sender": "someone"}


@pytest.fixture
def loaded(tmp_path, mlflow_database, taught):
    """The taught learner as anybody loads it from MLflow, by alias."""
    registry = mlflow_in(tmp_path, mlflow_database)()
    registry.register(entry(), taught.snapshot())
    registry.point("champion", entry().version)
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model("models:/triage@champion")


@pytest.fixture
def mails():
    import pandas as pd

    return pd.DataFrame([mail("invoice"), mail("password"), mail("something else")])


@pytest.mark.integration
def test_mlflow_concludes_what_the_learner_concludes(loaded, mails, taught, monkeypatch):
    monkeypatch.setenv("TRIAGE_KEY", KEYS.hex())
    concluded = loaded.predict(mails)
    expected = taught.probabilities([describe(taught.key, row) for row in mails.to_dict("records")])
    assert list(concluded["department"]) == [taught.classes[row.argmax()] for row in expected]
    assert list(concluded["confidence"]) == [row.max() for row in expected]


@pytest.mark.integration
@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="`make encoder` installs what is missing: onnxruntime")
def test_a_version_with_static_vectors_predicts_wherever_it_is_loaded(tmp_path, mlflow_database, mails, monkeypatch):
    export(a_tiny_encoder(tmp_path / "source"), tmp_path / "encoder")
    distil(tmp_path / "encoder", tmp_path / "table")
    table = StaticVectors(tmp_path / "table")
    learner = Learner(find_recipe("hashed-static"), KEYS.subkey("features"), encoder=table.digest)
    for position in range(1, 21):
        subject, department = ("invoice", "billing") if position % 2 else ("password", "it")
        learner.learn(position, described(table, learner.key, mail(subject)), department)
    registry = mlflow_in(tmp_path, mlflow_database)()
    registry.register(entry(), learner.snapshot(), table.folder)
    registry.point("champion", entry().version)
    shutil.rmtree(tmp_path / "table")
    import mlflow.pyfunc

    monkeypatch.setenv("TRIAGE_KEY", KEYS.hex())
    concluded = mlflow.pyfunc.load_model("models:/triage@champion").predict(mails)
    expected = learner.probabilities([described(table, learner.key, row) for row in mails.to_dict("records")])
    assert list(concluded["confidence"]) == [row.max() for row in expected]
    assert list(concluded["department"][:2]) == ["billing", "it"]


def described(encoder, key, row):
    vector = encoder.encode([text_to_encode(row["subject"], row["body"])])[0]
    return replace(describe(key, row), vectors={encoder.kind: vector})


@pytest.mark.integration
def test_mlflow_keeps_code_and_plain_data_and_no_key(loaded, mails, tmp_path, monkeypatch):
    monkeypatch.setenv("TRIAGE_KEY", KEYS.hex())
    loaded.predict(mails)
    files = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"mlflow_model.py", "MLmodel", SNAPSHOT} <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib", ".cloudpickle"))]
    kept = b"".join(path.read_bytes() for path in [*files, tmp_path / "mlflow.db"])
    for secret in (KEYS.master, KEYS.subkey("features")):
        assert secret not in kept
        assert secret.hex().encode() not in kept


@pytest.mark.integration
def test_without_the_key_mlflow_says_which_variable_is_missing(loaded, mails, monkeypatch):
    monkeypatch.delenv("TRIAGE_KEY", raising=False)
    with pytest.raises(BadSettings, match="TRIAGE_KEY"):
        loaded.predict(mails)


@pytest.mark.integration
def test_with_another_key_mlflow_concludes_nothing(loaded, mails, monkeypatch):
    monkeypatch.setenv("TRIAGE_KEY", Keys.from_seed(6).hex())
    with pytest.raises(BadSnapshot):
        loaded.predict(mails)


@pytest.mark.integration
@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg"])
def test_an_mlflow_that_is_away_is_unavailable_and_no_password_is_told(scheme, free_port):
    registry = MlflowRegistry(f"{scheme}://me:hunter2@127.0.0.1:{free_port}/x")
    with pytest.raises(RegistryUnavailable, match=re.escape(f"{scheme}://127.0.0.1:{free_port}")) as raised:
        registry.aliased("champion")
    assert "hunter2" not in str(raised.value)


@pytest.fixture
def mlflow_server(tmp_path, free_port) -> Iterator[str]:
    """The URL of an MLflow server of its own."""
    store, artifacts = f"sqlite:///{tmp_path / 'server.db'}", str(tmp_path / "artifacts")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(free_port)]
    options = ["--workers", "1", "--backend-store-uri", store, "--artifacts-destination", artifacts]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([*command, *options], stdout=log, stderr=log, start_new_session=True)
    try:
        while b"startup complete" not in (tmp_path / "log").read_bytes():
            assert server.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{free_port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


@pytest.mark.integration
def test_a_server_keeps_what_a_database_keeps(mlflow_server):
    here, there = MlflowRegistry(mlflow_server), MlflowRegistry(mlflow_server)
    assert here.aliased("champion") is None
    name = here.register(entry(), b"bytes")
    here.point("champion", entry().version)
    here.annotate(entry().version, {"gain": 0.02}, ("e-value 40 reached 20",))
    assert there.register(entry(), b"other bytes") == name
    assert there.aliased("champion") == entry().version
    assert there.snapshot(entry().version) == b"bytes"
    assert there.entry(entry().version).reasons == ("asked for", "e-value 40 reached 20")
    with pytest.raises(UnknownVersion):
        there.snapshot("nobody@1-1")


@pytest.mark.integration
def test_registering_says_nothing_on_the_terminal(tmp_path, mlflow_database, capfd):
    mlflow_in(tmp_path, mlflow_database)().register(entry(), b"bytes")
    assert capfd.readouterr() == ("", "")


def test_a_postgresql_store_is_reached_by_the_driver_that_is_installed():
    settings = load_settings(mlflow_tracking_uri="postgresql://me@db.example/mlflow")
    assert settings.mlflow_uri == "postgresql+psycopg://me@db.example/mlflow"
