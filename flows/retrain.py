"""Make a challenger: the ledger folded with another recipe, at night and when drift asks for it."""

from contextlib import closing
from datetime import datetime

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.concurrency.sync import concurrency

from triage_cl.bootstrap import bootstrap, utcnow
from triage_cl.domain.versions import ModelVersion
from triage_cl.usecases.retrain import challenging_recipe, refresh_champion, retrain

#: The limit of one retraining at a time, whoever runs it; `flows.serve` makes it before anything runs.
LIMIT = "triage-retrain"
#: A retraining whose process died holds the limit no longer than this.
LEASE_SECONDS = 60


@flow(retries=2, retry_delay_seconds=60)
def retrain_challenger(
    reason: str = "on schedule", at: datetime | None = None, recipe: str | None = None
) -> dict[str, str | int]:
    """Fold the ledger with `recipe` (by default the one that challenges the champion's) and register the result."""
    moment = at or utcnow()
    with concurrency(LIMIT, strict=True, lease_duration=LEASE_SECONDS), closing(bootstrap()) as app:
        app.ensure_ready(moment)
        settings = app.settings
        if refreshed := refresh_champion(app.ledger, app.registry, app.features_key, [reason], moment):
            app.snapshots.save(refreshed)
        wanted = recipe or challenging_recipe(app.ledger, settings.recipe, settings.challenger)
        version, learner = retrain(app.ledger, app.registry, wanted, app.features_key, [reason], moment)
        app.snapshots.save(learner)
    create_markdown_artifact(_in_words(version), key="retraining", description=version.version)
    return {"version": version.version, "lessons": version.lessons, "fingerprint": version.fingerprint}


def _in_words(version: ModelVersion) -> str:
    reasons = "\n".join(f"- {reason}" for reason in version.reasons)
    return (
        f"**{version.version}**\n\n"
        f"| recipe | through | as of | lessons | fingerprint |\n| --- | ---: | ---: | ---: | --- |\n"
        f"| {version.recipe} | {version.through} | {version.as_of} | {version.lessons} | `{version.fingerprint}` |\n\n"
        f"{reasons}\n"
    )
