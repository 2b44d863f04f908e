"""Judge the challenger on reviewed disagreements; a promotion may wait for a person."""

from contextlib import closing
from datetime import datetime

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.flow_runs import suspend_flow_run

from flows.approval import Approval, is_asked_already, key_of
from triage_cl.bootstrap import App, bootstrap, utcnow
from triage_cl.usecases.approval import conclude_with_consent, needs_approval, question_of
from triage_cl.usecases.promote import Judged, conclude_duel, judge
from triage_cl.usecases.retrain import mirror_aliases


@flow(retries=2, retry_delay_seconds=30)
def judge_challenger(at: datetime | None = None) -> dict[str, str]:
    """Look at the duel and act on it: promote, keep collecting or retire, with the reasons in the ledger.

    Where a person has to agree, the run is suspended until it is resumed with an `Approval`. It then judges again,
    with all evidence by then: the answer counts if the verdict is still to promote the same challenger.
    """
    with closing(bootstrap()) as app:
        mirror_aliases(app.ledger, app.registry, app.features_key)
        judged = judge(app.ledger, app.settings.rule, at or utcnow(), app.settings.answer_window)
        if judged is None:
            return {"verdict": "nobody challenges"}
        create_markdown_artifact(_in_words(judged), key="judgement", description=judged.decision.verdict)
        return {"verdict": _conclude(app, judged, at or utcnow()), "challenger": judged.challenger.version}


def _conclude(app: App, judged: Judged, at: datetime) -> str:
    if not needs_approval(judged, app.settings.approval):
        conclude_duel(app.ledger, app.registry, judged, "triage", at)
        return judged.decision.verdict
    key = key_of(question_of(judged))
    if is_asked_already(judge_challenger.name, key):
        return "waiting for approval"
    answer = suspend_flow_run(Approval.with_initial_data(_in_words(judged)), key=key)
    return conclude_with_consent(app.ledger, app.registry, judged, answer.approved, answer.approver, answer.note, at)


def _in_words(judged: Judged) -> str:
    evidence = judged.evidence
    reasons = "\n".join(f"- {reason}" for reason in judged.decision.reasons)
    return (
        f"**{judged.decision.verdict}**: {judged.challenger.version} against {judged.champion.version}\n\n{reasons}\n\n"
        "| mails | disputed | answered | e-value | gain | between | and |\n"
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        f"| {evidence.mails} | {evidence.disputed} | {evidence.answered} | {evidence.e_value:.3g} "
        f"| {evidence.gain:+.4f} | {evidence.gain_low:+.4f} | {evidence.gain_high:+.4f} |\n"
    )
