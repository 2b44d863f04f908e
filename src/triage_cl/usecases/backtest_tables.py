"""From a backtest's outcome to what its report shows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from triage_cl.domain.decisions import Action, Decision
from triage_cl.domain.promotion import Verdict
from triage_cl.domain.versions import CHAMPION, AliasMoved, Judgement
from triage_cl.statistics.estimators import Interval, coverage_curve
from triage_cl.usecases.backtest_outcome import Judgment, Options, Outcome
from triage_cl.usecases.backtest_report import (
    BacktestReport,
    Baseline,
    ChampionRow,
    DepartmentRow,
    DriftRow,
    DuelRow,
    Halves,
    Headline,
    Look,
    Period,
    Turn,
    confusion_of,
)
from triage_cl.usecases.backtest_summary import estimate

#: About how many periods the stream is cut into.
PERIODS = 26

#: What a judgement that moves no champion means; a promotion is told by the alias that moves.
TURNS: Mapping[str, Turn] = {Verdict.KEEP: Turn.KEPT, Verdict.RETIRE: Turn.RETIRED}


def report_of(archive: str, outcome: Outcome, options: Options, result: Mapping[str, Any]) -> BacktestReport:
    """The report of a backtest; `result` is its summary."""
    decisions = outcome.scored
    labelled = [(d, t) for d, t in zip(decisions, outcome.truths, strict=True) if t is not None]
    named = outcome.names
    right = [decision.department == truth for decision, truth in labelled]
    return BacktestReport(
        archive=archive,
        seed=options.seed,
        options=tuple((name.replace("_", " "), _told(value)) for name, value in result["options"].items()),
        headline=_headline(result),
        over_time=tuple(_periods(outcome, decisions)),
        coverage_error=tuple(coverage_curve([decision.confidence for decision, _ in labelled], right)),
        departments=tuple(_departments(outcome, labelled)),
        confusion=confusion_of(
            [named[truth] for _, truth in labelled],
            [None if d.department is None else named[d.department] for d, _ in labelled],
        ),
        drift=tuple(DriftRow(at, found.verdict, found.reasons) for at, found in outcome.verdicts),
        champions=tuple(_turns(outcome)),
        baselines=tuple(Baseline(name, Halves(**scores)) for name, scores in result["baselines"].items()),
        duels=tuple(_duels(outcome.judgements)),
    )


def _told(value: object) -> str:
    return "–" if value is None else f"{value}"


def _headline(result: Mapping[str, Any]) -> Headline:
    known = result["estimate"]
    return Headline(
        mails=result["mails"],
        decided=result["decided"],
        quarantined=result["quarantined"],
        reviewed=result["reviewed"],
        review_share=result["review_share"],
        accuracy=Halves(**result["accuracy"]),
        macro_f1=Halves(**result["macro_f1"]),
        ece=Halves(**result["ece"]),
        automatic_share=result["automatic_share"],
        automatic_accuracy=result["automatic_accuracy"],
        estimate=None if known["point"] is None else Interval(**known),
    )


def _periods(outcome: Outcome, decisions: Sequence[Decision]) -> Iterator[Period]:
    if not decisions:
        return
    first = decisions[0].decided_at.date()
    days = (decisions[-1].decided_at.date() - first).days + 1
    length = max(1, -(-days // PERIODS))
    by_period: dict[int, list[int]] = {}
    for number, decision in enumerate(decisions):
        by_period.setdefault((decision.decided_at.date() - first).days // length, []).append(number)
    for period, numbers in sorted(by_period.items()):
        mine, truths = [decisions[number] for number in numbers], [outcome.truths[number] for number in numbers]
        yield _period(outcome, first + timedelta(days=period * length), length, mine, truths)


def _period(
    outcome: Outcome, starts_on: date, days: int, decisions: Sequence[Decision], truths: Sequence[str | None]
) -> Period:
    known = [d.department == truth for d, truth in zip(decisions, truths, strict=True) if truth is not None]
    return Period(
        starts_on=starts_on,
        days=days,
        mails=len(decisions),
        accuracy=sum(known) / len(known) if known else None,
        estimate=estimate(decisions, outcome),
        reviewed=sum(decision.email_id in outcome.reviewed for decision in decisions),
        automatic_share=sum(decision.action is Action.AUTO for decision in decisions) / len(decisions),
    )


def _departments(outcome: Outcome, labelled: Sequence[tuple[Decision, str]]) -> Iterator[DepartmentRow]:
    sizes: dict[str, int] = {}
    hits: dict[str, int] = {}
    concluded: dict[str, list[Decision]] = {}
    for decision, truth in labelled:
        sizes[truth] = sizes.get(truth, 0) + 1
        hits[truth] = hits.get(truth, 0) + (decision.department == truth)
        if decision.department is not None:
            concluded.setdefault(decision.department, []).append(decision)
    for department in sorted(sizes.keys() | concluded.keys(), key=lambda id: (-sizes.get(id, 0), id)):
        routed = concluded.get(department, [])
        mails, hit = sizes.get(department, 0), hits.get(department, 0)
        yield DepartmentRow(
            name=outcome.names[department],
            mails=mails,
            precision=hit / len(routed) if routed else None,
            recall=hit / mails if mails else None,
            answers=sum(decision.email_id in outcome.answers for decision in routed),
            estimate=estimate(routed, outcome),
        )


def _turns(outcome: Outcome) -> Iterator[ChampionRow]:
    for recorded in outcome.history:
        match recorded.fact:
            case AliasMoved(alias=alias, version=str(version), reasons=reasons) if alias == CHAMPION:
                yield ChampionRow(recorded.at, version, Turn.BECAME_CHAMPION, reasons)
            case AliasMoved(alias=alias, version=str(version), reasons=reasons):
                yield ChampionRow(recorded.at, version, Turn.REGISTERED, reasons)
            case Judgement(challenger=version, verdict=verdict, reasons=reasons) if verdict in TURNS:
                yield ChampionRow(recorded.at, version, TURNS[verdict], reasons)


def _duels(judgements: Sequence[Judgment]) -> Iterator[DuelRow]:
    looks: dict[tuple[str, float], list[Look]] = {}
    for judgment in judgements:
        judged, evidence = judgment.judged, judgment.judged.evidence
        look = Look(evidence.mails, evidence.gain_low, evidence.gain, evidence.gain_high, evidence.e_value)
        name = f"{judged.challenger.entrant} against {judged.champion.entrant}"
        looks.setdefault((name, 1 / judged.rule.alpha), []).append(look)
    for (name, needed), seen in looks.items():
        yield DuelRow(name, tuple(seen), needed)
