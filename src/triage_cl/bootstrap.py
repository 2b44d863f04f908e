"""From settings to the wired application: everything that touches the outside is built on first use."""

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from triage_cl.adapters.access_file import Access, load_or_make
from triage_cl.adapters.encoders.loading import encoders_in
from triage_cl.adapters.jsonl_reviews import JsonlReviews
from triage_cl.adapters.key_file import load_or_create
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.domain.errors import BadSettings
from triage_cl.domain.review import ReviewPolicy
from triage_cl.domain.versions import ModelVersion
from triage_cl.learning.recipes import RECIPES
from triage_cl.privacy.keys import Keys
from triage_cl.privacy.receipt_links import ReceiptLinks
from triage_cl.settings import Settings, load_settings
from triage_cl.usecases.registry import Registry
from triage_cl.usecases.retrain import ensure_champion, standing_at
from triage_cl.usecases.review import ReviewQueue
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.triage import Desk
from triage_cl.usecases.watch import Comparison, Windows

if TYPE_CHECKING:
    from triage_cl.adapters.label_studio.reviews import LabelStudioReviews


def utcnow() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


@dataclass
class App:
    """The application; a part that nobody asks for is never built."""

    settings: Settings = field(default_factory=load_settings)

    @property
    def home(self) -> Path:
        """The data folder, there."""
        self.settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.settings.home.resolve()

    @cached_property
    def keys(self) -> Keys:
        """The keys of this installation."""
        given = self.settings.key
        if given is None:
            return load_or_create(self.home / "key")
        try:
            return Keys.from_hex(given.get_secret_value())
        except ValueError:
            raise BadSettings("key: it must be 64 hexadecimal digits.") from None

    @property
    def features_key(self) -> bytes:
        """The key under which features are hashed."""
        return self.keys.subkey("features")

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, at this version's schema."""
        if not self.settings.database_url:
            self.home  # noqa: B018  (the folder must be there before the database)
        ledger = Ledger(
            self.settings.ledger_url,
            answer_window=self.settings.answer_window,
            answers_a_day=self.settings.answers_a_day,
            encoders=encoders_in(self.settings),
        )
        migrate(ledger.engine)
        return ledger

    @cached_property
    def snapshots(self) -> Snapshots:
        """The cache of live learners."""
        return Snapshots(self.home / "snapshots")

    @cached_property
    def registry(self) -> Registry:
        """Where model versions are registered."""
        if self.settings.registry == "folder":
            from triage_cl.adapters.folder_registry import FolderRegistry

            return FolderRegistry(self.home / "registry")
        from triage_cl.adapters.mlflow_registry import MlflowRegistry

        # The model file that MLflow runs looks for the key there: no key is kept in MLflow.
        os.environ.setdefault("TRIAGE_KEY", self.keys.hex())
        return MlflowRegistry(self.settings.mlflow_uri, str(self.home / "mlflow-artifacts"))

    @cached_property
    def access(self) -> Access:
        """The secrets by which the parts of this installation know each other; those in the settings come first."""
        settings = self.settings
        given = {
            "api_key": settings.api_key,
            "webhook_secret": settings.webhook_secret,
            "signing_secret": settings.signing_secret,
            "label_studio_token": settings.label_studio_token,
        }
        told = {name: secret.get_secret_value() for name, secret in given.items() if secret is not None}
        return replace(load_or_make(self.home / "access"), **told)

    @cached_property
    def queue(self) -> ReviewQueue:
        """Where reviewers find tasks and leave answers."""
        return self.file_queue if self.settings.reviews == "file" else self.label_studio

    @cached_property
    def file_queue(self) -> JsonlReviews:
        """The queue in files, answered in the terminal."""
        return JsonlReviews(self.home / "reviews")

    @cached_property
    def label_studio(self) -> "LabelStudioReviews":
        """The queue in Label Studio."""
        from triage_cl.adapters.label_studio.connection import Connection
        from triage_cl.adapters.label_studio.reviews import LabelStudioReviews

        connection = Connection(self.settings.label_studio_url, self.access.label_studio_token)
        return LabelStudioReviews(connection, self.ledger, self.keys, self.receipt_links.url)

    @property
    def receipt_links(self) -> ReceiptLinks:
        """The links from review tasks to the console."""
        return ReceiptLinks(self.settings.console_url, self.keys.subkey("receipt links"))

    @property
    def reports(self) -> Path:
        """The folder of HTML reports, there."""
        folder = self.home / "reports"
        folder.mkdir(exist_ok=True)
        return folder

    @cached_property
    def windows(self) -> Windows:
        """The windows that the drift report compares."""
        return Windows(timedelta(days=self.settings.current_days), timedelta(days=self.settings.reference_days))

    @cached_property
    def comparison(self) -> Comparison:
        """Evidently, with its workspace in the data folder."""
        from triage_cl.adapters.evidently_reports import Workspace

        return Workspace(self.home / "evidently").compare

    def ensure_ready(self, at: datetime) -> ModelVersion:
        """The champion, made on an empty ledger; the review policy in force recorded where it changed."""
        policy = self.settings.policy
        if current_policy(self.ledger) != policy:
            self.ledger.append([policy], at)
        champion = standing_at(self.ledger).champion
        # A ledger that has one needs no registry to go on.
        if champion is not None and champion.recipe in RECIPES:
            return champion
        return ensure_champion(self.ledger, self.registry, self.settings.recipe, self.features_key, at)

    def forget_texts(self, at: datetime) -> int:
        """Delete the text of mail without a lesson that is older than `keep_text_days` at `at`; how many there were."""
        from triage_cl.adapters.sql.retention import forget_texts

        return forget_texts(self.ledger.engine, at - timedelta(days=self.settings.keep_text_days))

    def desk(self) -> Desk:
        """What decides mail in this process."""
        return Desk(self.ledger, self.keys, self.snapshots, self.settings.bars)

    def close(self) -> None:
        """Give back what is open."""
        for name in ("ledger", "label_studio"):
            if name in self.__dict__:
                self.__dict__[name].close()


def current_policy(ledger: Ledger) -> ReviewPolicy | None:
    """The review policy that the ledger has last."""
    found = None
    for recorded in ledger.facts(kinds=[ReviewPolicy.kind]):
        if isinstance(recorded.fact, ReviewPolicy):
            found = recorded.fact
    return found


def bootstrap(settings: Settings | None = None) -> App:
    """The application for these settings (None: those in force)."""
    return App(settings or load_settings())
