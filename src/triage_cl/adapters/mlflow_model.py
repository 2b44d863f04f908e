"""The model that MLflow serves: code, beside a snapshot that is plain data; nothing is pickled.

MLflow keeps a copy of this file with every model version and runs it when the version is loaded, so it imports what
it needs when it is called. It asks for `triage_cl` on the machine that loads it, and for the key of the ledger, which
MLflow never sees: without the key features cannot be told from an e-mail.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

if TYPE_CHECKING:
    from triage_cl.learning.learner import Learner

KEY_VARIABLE = "TRIAGE_KEY"


class TriageModel(PythonModel):
    """Concludes a department for each row of `subject`, `body` and `sender`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Remember where the snapshot is; the key is asked for on the first prediction."""
        self._snapshot = Path(context.artifacts["snapshot"])
        self._learner: Learner | None = None
        self._key = b""

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """The likeliest department of each mail and its probability, as columns `department` and `confidence`.

        The text must be redacted as the lessons were. Raises BadSettings without a key.
        """
        from triage_cl.learning.hashing import describe

        learner = self._restored()
        rows = model_input[["subject", "body", "sender"]].fillna("").to_dict("records")
        probabilities = learner.probabilities([describe(self._key, row) for row in rows])
        best = probabilities.argmax(axis=1)
        departments = [learner.classes[index] for index in best]
        return pd.DataFrame({"department": departments, "confidence": probabilities.max(axis=1)})

    def _restored(self) -> "Learner":
        if self._learner is None:
            from triage_cl.learning.learner import Learner
            from triage_cl.privacy.keys import Keys

            self._key = Keys(_master_key()).subkey("features")
            self._learner = Learner.restore(self._snapshot.read_bytes(), self._key)
        return self._learner


def _master_key() -> bytes:
    from triage_cl.domain.errors import BadSettings

    try:
        return bytes.fromhex(os.environ[KEY_VARIABLE])
    except KeyError as error:
        raise BadSettings(
            f"Set {KEY_VARIABLE} to the ledger's key, in hexadecimal: MLflow does not keep it."
        ) from error
    except ValueError as error:
        raise BadSettings(f"{KEY_VARIABLE} is not hexadecimal.") from error


set_model(TriageModel())
