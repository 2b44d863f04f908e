"""The deployments of `prefect.yaml`, to be served by this process in place of a worker."""

from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import yaml
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

SOURCE = Path(__file__).with_name("prefect.yaml")


def all_deployments(schedules: bool = True) -> list[RunnerDeployment]:
    """One deployment for each entry of the file; without `schedules` only what triggers them and people start runs."""
    entries = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["deployments"]
    return [_deployment(entry, schedules) for entry in entries]


def _deployment(entry: Mapping[str, Any], schedules: bool) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        resolve_name(entry["entrypoint"]),
        entry["name"],
        description=entry["description"],
        schedules=[Cron(one["cron"], timezone=one["timezone"]) for one in entry["schedules"]] if schedules else [],
        triggers=[DeploymentEventTrigger(**trigger) for trigger in entry.get("triggers", [])],
        concurrency_limit=ConcurrencyLimitConfig(**entry["concurrency_limit"]),
        # Whoever served before may have left the schedules paused.
        paused=False,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
