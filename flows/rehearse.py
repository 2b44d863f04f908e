"""The loop over an archive in simulated time: the flows as they are, in turn, and retrainings that really run."""

import json
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.runtime import flow_run

from flows.deployments import all_deployments
from flows.drift import watch_drift
from flows.judge import judge_challenger
from flows.leftovers import end_other_rehearsals
from flows.publish import publish_reviews
from flows.reconcile import reconcile_feedback
from flows.retrainings import await_retraining, await_serving, is_retrained, retrain_on_schedule
from triage_cl.adapters.mail.archive import read_archive
from triage_cl.bootstrap import App, bootstrap
from triage_cl.domain.corrections import Correction
from triage_cl.domain.errors import BadInput
from triage_cl.usecases.backtest_outcome import readable
from triage_cl.usecases.changes import read_changes, read_departments
from triage_cl.usecases.rehearsal import Rehearsal
from triage_cl.usecases.rounds import Round


@flow(name="rehearsal")
def rehearse(mail: Path, departments: Path | None = None, changes: Path | None = None) -> None:
    """Play the archive to its end, from where an earlier rehearsal of it stopped; one line of JSON a round."""
    end_other_rehearsals(UUID(flow_run.id), [rehearse.name, *(str(one.flow_name) for one in all_deployments())])
    with closing(bootstrap()) as app:
        rehearsal = _prepare(app, mail, changes)
        app.ensure_ready(rehearsal.times[0])
        rehearsal.open_departments(read_departments(_json(departments)))
        await_serving()
        reviewed = sum(1 for _ in app.ledger.facts(kinds=[Correction.kind]))
        for current in rehearsal.remaining():
            reviewed += _play(rehearsal, current)
            _keep_snapshots(app, rehearsal)
            _tell(rehearsal, current, reviewed)


def _prepare(app: App, mail: Path, changes: Path | None) -> Rehearsal:
    archive, unreadable = readable(read_archive(mail))
    return Rehearsal(app.desk(), app.file_queue, archive, unreadable, read_changes(_json(changes)), app.settings.group)


def _json(path: Path | None) -> Any:
    if path is None:
        return []
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {error}.") from None


def _play(rehearsal: Rehearsal, current: Round) -> int:
    """One round; how many answers it brought."""
    at = current.ends_at
    rehearsal.take_in(current)
    publish_reviews(at)
    rehearsal.answer(at)
    found = reconcile_feedback(at)
    if current.looks:
        _look(at)
    if current.retrains and not is_retrained(at):
        retrain_on_schedule(at)
    rehearsal.desk.refresh()
    return found["corrections"]


def _look(at: datetime) -> None:
    """Watch for drift, wait for the retraining that its event starts, judge the duel."""
    if not is_retrained(at) and watch_drift(at)["verdict"] == "retrain":
        await_retraining(at)
    judge_challenger(at)


def _keep_snapshots(app: App, rehearsal: Rehearsal) -> None:
    for learner in rehearsal.desk.learners.values():
        app.snapshots.save(learner)


def _tell(rehearsal: Rehearsal, current: Round, reviewed: int) -> None:
    desk = rehearsal.desk
    told = {
        "round": current.number,
        "rounds": len(rehearsal.rounds()),
        "at": current.ends_at.isoformat(),
        "mails": desk.ledger.spending()[0],
        "reviewed": reviewed,
        "lessons": desk.learners[desk.champion.entrant].lessons,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
