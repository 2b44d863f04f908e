"""Every setting, read in one place: environment variables `TRIAGE_…`, then `triage.toml`, then the defaults here.

`docs/reference/settings.md` is made from this file; `triage settings` prints what is in force.
"""

import json
from datetime import timedelta
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from triage_cl.domain.decisions import Bars
from triage_cl.domain.errors import BadSettings
from triage_cl.domain.promotion import PromotionRule
from triage_cl.domain.review import ReviewGroups, ReviewPolicy
from triage_cl.domain.reviewers import ANSWERS_A_DAY


class Settings(BaseSettings):
    """What an operator may set."""

    model_config = SettingsConfigDict(env_prefix="TRIAGE_", toml_file="triage.toml", extra="forbid", frozen=True)

    home: Path = Field(Path("triage-data"), description="The data folder: ledger, key, snapshots, queue, reports.")
    database_url: str = Field(
        "", description="The ledger's database, `sqlite:///…` or `postgresql://…`; empty: SQLite in the data folder."
    )
    key: SecretStr | None = Field(
        None, description="The master key, 64 hexadecimal digits; unset: made on the first start, kept in `home/key`."
    )
    registry: Literal["mlflow", "folder"] = Field("mlflow", description="Where model versions are registered.")
    mlflow_tracking_uri: str = Field("", description="MLflow's store or server; empty: SQLite in the data folder.")
    prefect_api_url: str = Field("http://127.0.0.1:4200/api", description="The Prefect server that the flows use.")
    recipe: str = Field("hashed-ensemble", description="The recipe that becomes champion on an empty ledger.")
    challenger: str = Field("tfidf-svm", description="The recipe that retraining challenges the champion with.")
    encoder: Path | None = Field(
        None, description="The folder of the sentence encoder, for recipes that need one (`triage encoder export`)."
    )
    static_vectors: Path | None = Field(
        None, description="The folder of the static token vectors, for recipes with such (`triage encoder distil`)."
    )
    review_share: float = Field(0.1, gt=0, le=1, description="The share of the mail that reviewers are asked about.")
    reviews_per_day: int | None = Field(None, ge=1, description="Reviews a day, in place of the share.")
    blind_part: float = Field(0.25, ge=0, le=1, description="The part of review tasks shown without the suggestion.")
    double_part: float = Field(
        0.05, ge=0, le=1, description="The part of answered mails that somebody else answers, too, unseen; 0: none."
    )
    automatic_bar: float = Field(0.9, ge=0, le=1, description="Confidence from which on mail is routed automatically.")
    automatic_lessons: int = Field(
        200, ge=0, description="Lessons before which the champion routes nothing automatically."
    )
    suggest_bar: float = Field(0.3, ge=0, le=1, description="Confidence from which on a department is suggested.")
    answer_days: float = Field(5, gt=0, description="Days after which an unanswered review task counts as missing.")
    answers_a_day: int = Field(
        ANSWERS_A_DAY, ge=1, description="Lessons that one reviewer may teach in a day; what is beyond is kept apart."
    )
    alpha: float = Field(0.05, gt=0, lt=1, description="Chance with which a worse challenger may ever be promoted.")
    approval: bool = Field(False, description="Whether a promotion waits for a person.")
    current_days: float = Field(7, gt=0, description="Length of the current window of the drift report, days.")
    reference_days: float = Field(28, gt=0, description="Length of the reference window before it, days.")
    keep_text_days: int = Field(90, ge=1, description="Days that the text of mail without a lesson is kept.")
    reviews: Literal["file", "label-studio"] = Field("file", description="Where reviewers find tasks.")
    review_groups: dict[str, list[str]] = Field(
        {}, description="Departments whose mail only some reviewers see, by the name of their group (a project each)."
    )
    archive_days: float = Field(7, ge=0, description="Days after which an answered review task is put away.")
    label_studio_url: str = Field("http://127.0.0.1:8080", description="Where Label Studio is.")
    label_studio_email: str = Field("triage@example.com", description="Label Studio's first user, who sets it up.")
    label_studio_token: SecretStr | None = Field(
        None, description="That user's API key; unset: made on the first start, kept in `home/access`."
    )
    service_url: str = Field("http://127.0.0.1:8700", description="Where `triage serve` is.")
    receiver_url: str = Field(
        "http://127.0.0.1:8701", description="Where Label Studio finds the receiver of its webhooks."
    )
    console_url: str = Field(
        "http://127.0.0.1:8702", description="Where reviewers' browsers find the console; empty: there is none."
    )
    mlflow_url: str = Field("http://127.0.0.1:5000", description="Where MLflow's pages are, for links.")
    evidently_url: str = Field("http://127.0.0.1:8000", description="Where Evidently's pages are, for links.")
    api_key: SecretStr | None = Field(
        None, description="What opens the service and the console; unset: made on the first start, in `home/access`."
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="What proves a webhook to be Label Studio's; unset: made on the first start, in `home/access`.",
    )
    signing_secret: SecretStr | None = Field(
        None, description="What signs decisions that are sent; unset: made on the first start, in `home/access`."
    )
    subscribers: list[str] = Field([], description="URLs to which every decision is sent, signed.")
    waiting_mails: int = Field(2_000, ge=1, description="Mails that may wait in the service before it answers 429.")
    group: int = Field(64, ge=1, le=5_000, description="Mails decided and stored in one transaction.")

    @field_validator("encoder", "static_vectors", mode="before")
    @classmethod
    def _whole(cls, folder: Path | str | None) -> Path | None:
        """The whole path, for child processes may have another working directory; empty: none."""
        return Path(folder).resolve() if folder else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Given in code, then the environment, then `triage.toml`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def ledger_url(self) -> str:
        """Where the ledger is."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'ledger.db'}"

    @property
    def mlflow_uri(self) -> str:
        """Where MLflow keeps its versions."""
        # SQLAlchemy 2.0 takes `postgresql://` for a driver that is not installed.
        given = self.mlflow_tracking_uri.replace("postgresql://", "postgresql+psycopg://", 1)
        return given or f"sqlite:///{self.home.resolve() / 'mlflow.db'}"

    @property
    def policy(self) -> ReviewPolicy:
        """How reviewers' time is spent."""
        return ReviewPolicy(share=self.review_share, per_day=self.reviews_per_day, blind_part=self.blind_part)

    @property
    def bars(self) -> Bars:
        """From which confidence on what is done."""
        return Bars(self.automatic_bar, self.suggest_bar, self.automatic_lessons)

    @property
    def rule(self) -> PromotionRule:
        """What a promotion needs."""
        return PromotionRule(alpha=self.alpha)

    @property
    def answer_window(self) -> timedelta:
        """How long an answer may take and still measure."""
        return timedelta(days=self.answer_days)

    @property
    def groups(self) -> ReviewGroups:
        """Which reviewers see which mail."""
        return ReviewGroups(self.review_groups)

    def environment(self) -> dict[str, str]:
        """These settings as the environment of a child process; no secret is in it but those of our environment."""
        plain = self.model_dump(mode="json", exclude=SECRETS, exclude_none=True)
        return {
            f"TRIAGE_{name.upper()}": json.dumps(value) if isinstance(value, list | dict) else str(value)
            for name, value in plain.items()
        }


#: Settings that are never shown, nor handed on.
SECRETS = {"key", "label_studio_token", "api_key", "webhook_secret", "signing_secret"}


def load_settings(**given: object) -> Settings:
    """The settings in force; raises BadSettings that names each setting that is wrong."""
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        settings.bars  # noqa: B018  (two settings that must fit each other)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise BadSettings(f"{wrong}.") from None
    except TOMLDecodeError as error:
        raise BadSettings(f"triage.toml: {error}.") from None
    except ValueError as error:
        raise BadSettings(f"{error}.") from None
    return settings
