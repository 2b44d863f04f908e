"""The model registry in MLflow: a run and a version of the registered model `triage` for each of our versions.

Ids, numbers and reasons go to MLflow, never text. A model is kept as code and a snapshot, so that loading it unpickles
nothing. MLflow takes seconds to import, so it is imported on first use.
"""

import logging
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from triage_cl.domain.errors import RegistryUnavailable
from triage_cl.usecases.registry import Entry, UnknownVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

#: The registered model and the experiment.
NAME = "triage"

#: Tags of a run and of a model version.
VERSION, REASONS = "version", "reasons"

SNAPSHOT = "snapshot.safetensors"
MODEL_CODE = Path(__file__).with_name("mlflow_model.py")

#: MLflow's own settings: no telemetry, no chatter, and an answer within seconds from a server that is away.
SETTINGS = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


class MlflowRegistry:
    """A `Registry` at an MLflow tracking URI: a database (`sqlite:///…`, `postgresql://…`) or a server (`http://…`).

    `artifacts` is the folder or URI for the snapshots of a database; a server has its own place. MLflow knows one
    tracking URI in a process, and this registry sets it.
    """

    def __init__(self, uri: str, artifacts: str | None = None) -> None:
        self._uri = uri
        self._artifacts = None if uri.startswith("http") else artifacts

    def register(self, entry: Entry, snapshot: bytes, static_vectors: Path | None = None) -> str:
        """The number of the version of the registered model."""
        with self._translated():
            known = self._find(entry.version)
            return str((known or self._create(entry, snapshot, static_vectors)).version)

    def point(self, alias: str, version: str | None) -> None:
        """Set or remove an alias of the registered model."""
        with self._translated():
            if version is not None:
                self._client.set_registered_model_alias(NAME, alias, self._known(version).version)
            elif self._aliased(alias) is not None:
                self._client.delete_registered_model_alias(NAME, alias)

    def aliased(self, alias: str) -> str | None:
        """The version tag of the model version that has the alias."""
        with self._translated():
            found = self._aliased(alias)
            return None if found is None else found.tags.get(VERSION)

    def snapshot(self, version: str) -> bytes:
        """The snapshot among the artifacts of the model version."""
        with self._translated(), tempfile.TemporaryDirectory() as folder:
            import mlflow

            source = f"models:/{NAME}/{self._known(version).version}/artifacts/{SNAPSHOT}"
            return Path(mlflow.artifacts.download_artifacts(source, dst_path=folder)).read_bytes()

    def entry(self, version: str) -> Entry:
        """What the run and the reasons tag say."""
        with self._translated():
            known = self._known(version)
            data = self._client.get_run(str(known.run_id)).data
            start, through, as_of = (int(data.params[name]) for name in ("start", "through", "as_of"))
            reasons = tuple(known.tags.get(REASONS, "").splitlines())
            recipe, fingerprint = data.params["recipe"], data.params["fingerprint"]
            return Entry(version, recipe, start, through, as_of, fingerprint, dict(data.metrics), reasons)

    def annotate(self, version: str, metrics: Mapping[str, float], reasons: Sequence[str]) -> None:
        """Log metrics to the run; append reasons to the tag of run and model version."""
        with self._translated():
            import mlflow

            known = self._known(version)
            if metrics:
                mlflow.log_metrics(dict(metrics), run_id=known.run_id)
            if reasons:
                lines = _lines([*known.tags.get(REASONS, "").splitlines(), *reasons])
                self._client.set_tag(str(known.run_id), REASONS, lines)
                self._client.set_model_version_tag(NAME, known.version, REASONS, lines)

    def _create(self, entry: Entry, snapshot: bytes, static_vectors: Path | None) -> "ModelVersion":
        """A run with the model, then the model version: until then nobody finds it, and registering starts anew."""
        import mlflow

        tags = {VERSION: entry.version, REASONS: _lines(entry.reasons)}
        run_id = self._client.create_run(self._experiment, tags=tags, run_name=entry.version).info.run_id
        with mlflow.start_run(run_id, nested=True):
            mlflow.log_params(
                {name: getattr(entry, name) for name in ("recipe", "start", "through", "as_of", "fingerprint")}
            )
            mlflow.log_metrics(dict(entry.metrics))
            model = _log_model(snapshot, static_vectors)
        return self._client.create_model_version(
            NAME, model.model_uri, run_id, tags, await_creation_for=0, model_id=model.model_id
        )

    def _find(self, version: str) -> "ModelVersion | None":
        where = f"name = '{NAME}' and tags.`{VERSION}` = '{version}'"
        found = self._client.search_model_versions(where, max_results=1, order_by=["version_number ASC"])
        return found[0] if found else None

    def _known(self, version: str) -> "ModelVersion":
        found = self._find(version)
        if found is None:
            raise UnknownVersion(f"{version} is not in {_shown(self._uri)}; `triage challengers` lists the versions.")
        return found

    def _aliased(self, alias: str) -> "ModelVersion | None":
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version_by_alias(NAME, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    @cached_property
    def _client(self) -> "MlflowClient":
        """The client, its database made or migrated and the registered model there."""
        from mlflow import MlflowClient

        if not self._uri.startswith(("http", "sqlite")):
            # MLflow itself tries for hours to reach a database that is away.
            create_engine(self._uri, poolclass=NullPool).connect().close()
        client = MlflowClient(self._uri)
        _once(client.create_registered_model, NAME)
        return client

    @cached_property
    def _experiment(self) -> str:
        """The id of the experiment, made when missing."""
        found = self._client.get_experiment_by_name(NAME)
        return found.experiment_id if found else self._client.create_experiment(NAME, self._artifacts)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """MLflow set to our URI and quiet; whatever keeps it from answering is RegistryUnavailable."""
        os.environ.update({name: os.environ.get(name, value) for name, value in SETTINGS.items()})
        with warnings.catch_warnings():
            # MLflow warns of what it uses itself, and asks for type hints beside the signature that it is given.
            warnings.simplefilter("ignore")
            import mlflow
            from mlflow.exceptions import MlflowException

            # It warns where an environment has no pip, of which a model without pickled code has no need.
            logging.getLogger("mlflow").setLevel(logging.ERROR)
            mlflow.set_tracking_uri(self._uri)
            try:
                yield
            except (MlflowException, SQLAlchemyError, OSError) as error:
                summary = str(error).partition("\n")[0]
                raise RegistryUnavailable(_shown(f"{self._uri}: {summary}")) from error


def _log_model(snapshot: bytes, static_vectors: Path | None) -> Any:
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / SNAPSHOT
        file.write_bytes(snapshot)
        table = {"static_vectors": str(static_vectors)} if static_vectors else {}
        return mlflow.pyfunc.log_model(
            name=NAME,
            python_model=str(MODEL_CODE),
            artifacts={"snapshot": str(file), **table},
            signature=_signature(),
            pip_requirements=["triage-cl", f"mlflow=={mlflow.__version__}"],
        )


def _signature() -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    mail: list[ColSpec | TensorSpec] = [ColSpec(DataType.string, name) for name in ("subject", "body", "sender")]
    conclusion: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.string, "department"),
        ColSpec(DataType.double, "confidence"),
    ]
    return ModelSignature(Schema(mail), Schema(conclusion))


def _once(make: Any, *arguments: Any, **named: Any) -> None:
    """Make what may exist already."""
    from mlflow.exceptions import MlflowException

    try:
        make(*arguments, **named)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _lines(reasons: Sequence[str]) -> str:
    """The reasons as one tag, a line each."""
    return "\n".join(" ".join(reason.split()) for reason in reasons)


def _shown(text: str) -> str:
    """The text with its URIs free of users and passwords."""
    return re.sub(r"//[^/@\s]*@", "//", text)
