"""The model that MLflow serves: code, beside a snapshot that is plain data; nothing is pickled.

MLflow keeps a copy of this file with every model version and runs it when the version is loaded. It needs `triage_cl`
installed where it runs, and the key of the ledger, which MLflow never has: without it a mail has other features. Static
vectors come with the version; a sentence encoder does not, its folder is told as everywhere by TRIAGE_ENCODER.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from triage_cl.adapters.encoders.loading import encoders_from
from triage_cl.domain.decisions import conclude
from triage_cl.domain.errors import BadSettings
from triage_cl.learning.hashing import Features, describe_many
from triage_cl.learning.learner import Learner
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.encode import Encoder, Encoders, text_to_encode

KEY_VARIABLE = "TRIAGE_KEY"


class TriageModel(PythonModel):
    """Concludes a department for each mail."""

    def load_context(self, context: PythonModelContext) -> None:
        """Remember where the snapshot is; the key is asked for on the first prediction."""
        self._snapshot = Path(context.artifacts["snapshot"])
        self._folders = {
            "static": context.artifacts.get("static_vectors"),
            "sentence": os.environ.get("TRIAGE_ENCODER"),
        }
        self._learner: Learner | None = None
        self._encoders: Encoders | None = None

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Columns `department` and `confidence` for rows of `subject`, `body` and `sender`, redacted as lessons are.

        Raises BadSettings without the key, BadSnapshot with another one.
        """
        if self._learner is None:
            self._learner = Learner.restore(self._snapshot.read_bytes(), _features_key())
        mails = [{str(name): str(text) for name, text in row.items()} for row in _mails(model_input)]
        rows = self._learner.probabilities(self._described(self._learner, mails))
        conclusions = [conclude(dict(zip(self._learner.classes, row.tolist(), strict=True))) for row in rows]
        return pd.DataFrame(
            {
                "department": [conclusion.department for conclusion in conclusions],
                "confidence": [conclusion.confidence for conclusion in conclusions],
            }
        )

    def _described(self, learner: Learner, mails: list[dict[str, str]]) -> list[Features]:
        features, kind = describe_many(learner.key, mails), learner.recipe.vectors
        if kind is None or not mails:
            return features
        encoder = self._encoder(kind)
        if encoder.digest != learner.encoder:
            raise BadSettings(f"The model learned with the encoder {learner.encoder}, this is {encoder.digest}.")
        vectors = encoder.encode([text_to_encode(mail["subject"], mail["body"]) for mail in mails])
        return [replace(each, vectors={kind: vector}) for each, vector in zip(features, vectors, strict=True)]

    def _encoder(self, kind: str) -> Encoder:
        folders = {name: Path(folder) for name, folder in self._folders.items() if folder}
        self._encoders = self._encoders or encoders_from(folders)
        return self._encoders.of(kind)


def _mails(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table[["subject", "body", "sender"]].fillna("").to_dict("records")


def _features_key() -> bytes:
    try:
        return Keys.from_hex(os.environ[KEY_VARIABLE]).subkey("features")
    except KeyError as error:
        detail = f"Set {KEY_VARIABLE} to the ledger's key in hexadecimal: MLflow does not have it."
        raise BadSettings(detail) from error
    except ValueError as error:
        raise BadSettings(f"{KEY_VARIABLE} is not a key: {error}.") from error


set_model(TriageModel())
