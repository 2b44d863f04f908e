"""The figures of a backtest: what reviewers' answers tell, beside the truth that only a backtest knows."""

from collections.abc import Mapping, Sequence
from typing import Any

from triage_cl.domain.decisions import Action, Decision
from triage_cl.statistics.estimators import Interval, aipw_mean, calibration_error, macro_f1
from triage_cl.usecases.account import interval_as_json
from triage_cl.usecases.backtest_changes import after_changes
from triage_cl.usecases.backtest_outcome import Options, Outcome

#: A figure with more digits than these differs by chance alone.
DIGITS = 6


def summarise(
    outcome: Outcome, options: Options, baselines: Mapping[str, Mapping[str, float | None]]
) -> dict[str, Any]:
    """One JSON-ready object; the same outcome gives the same bytes."""
    decisions, truths = outcome.scored, outcome.truths
    half = len(decisions) // 2
    mails = len(decisions) + outcome.repeated + len(outcome.unreadable)
    reviewed = len(outcome.reviewed)
    automatic = [i for i, decision in enumerate(decisions) if decision.action is Action.AUTO and truths[i] is not None]
    right = [decision.department == truth for decision, truth in zip(decisions, truths, strict=True)]
    return {
        "mails": mails,
        "decided": len(decisions),
        "repeated": outcome.repeated,
        "quarantined": len(outcome.unreadable),
        "reviewed": reviewed,
        "review_share": _rounded(reviewed / len(decisions) if decisions else 0.0),
        "accuracy": _both(half, decisions, truths, _accuracy),
        "macro_f1": _both(half, decisions, truths, _macro_f1),
        "ece": _both(half, decisions, truths, _calibration),
        "automatic_share": _rounded(
            sum(decision.action is Action.AUTO for decision in decisions) / len(decisions) if decisions else 0.0
        ),
        "automatic_accuracy": _rounded(sum(right[i] for i in automatic) / len(automatic)) if automatic else None,
        "estimate": interval_as_json(estimate(decisions, outcome)),
        "lessons": outcome.lessons,
        "promotions": [
            {
                "at": judgment.at.isoformat(),
                "version": judgment.judged.challenger.version,
                "verdict": judgment.judged.decision.verdict.value,
                "reasons": list(judgment.judged.decision.reasons),
            }
            for judgment in outcome.judgements
            if judgment.moved
        ],
        "judgements": len(outcome.judgements),
        "drift": [
            {"at": at.isoformat(), "verdict": found.verdict, "reasons": list(found.reasons)}
            for at, found in outcome.verdicts
        ],
        "after_changes": after_changes(outcome, options.changes),
        "baselines": dict(baselines),
        "departments": len({truth for truth in truths if truth is not None}),
        "fingerprint": outcome.fingerprint,
        "options": options_as_json(options),
    }


def options_as_json(options: Options) -> dict[str, Any]:
    """What the backtest was asked."""
    return {
        "seed": options.seed,
        "review_share": options.policy.share,
        "reviews_per_day": options.policy.per_day,
        "champion": options.champion,
        "challenger": options.challenger,
        "label_delay_days": None if options.delay is None else options.delay.total_seconds() / 86_400,
        "retrain_every_days": options.retrain_every.total_seconds() / 86_400 if options.retrain_every else None,
        "automatic_bar": options.bars.automatic,
        "suggest_bar": options.bars.suggest,
        "alpha": options.rule.alpha,
        "changes": len(options.changes),
    }


def estimate(decisions: Sequence[Decision], outcome: Outcome) -> Interval | None:
    """The share of right decisions as the answers alone tell it (AIPW), clustered by thread."""
    if not decisions:
        return None
    answered = [decision.drawn and decision.email_id in outcome.answers for decision in decisions]
    correct = [outcome.departments.agree(outcome.answers.get(one.email_id), one.department) for one in decisions]
    return aipw_mean(
        correct,
        answered,
        [decision.review_probability for decision in decisions],
        [decision.confidence for decision in decisions],
        clusters=[outcome.threads[decision.email_id] for decision in decisions],
    )


def _both(
    half: int, decisions: Sequence[Decision], truths: Sequence[str | None], score: Any
) -> dict[str, float | None]:
    return {"all": score(decisions, truths), "second_half": score(decisions[half:], truths[half:])}


def _labelled(decisions: Sequence[Decision], truths: Sequence[str | None]) -> list[tuple[Decision, str]]:
    return [(decision, truth) for decision, truth in zip(decisions, truths, strict=True) if truth is not None]


def _accuracy(decisions: Sequence[Decision], truths: Sequence[str | None]) -> float | None:
    labelled = _labelled(decisions, truths)
    right = sum(decision.department == truth for decision, truth in labelled)
    return _rounded(right / len(labelled)) if labelled else None


def _macro_f1(decisions: Sequence[Decision], truths: Sequence[str | None]) -> float | None:
    labelled = _labelled(decisions, truths)
    concluded = [decision.department for decision, _ in labelled]
    return _rounded(macro_f1([truth for _, truth in labelled], concluded)) if labelled else None


def _calibration(decisions: Sequence[Decision], truths: Sequence[str | None]) -> float | None:
    labelled = _labelled(decisions, truths)
    confidence = [decision.confidence for decision, _ in labelled]
    right = [decision.department == truth for decision, truth in labelled]
    return _rounded(calibration_error(confidence, right)) if labelled else None


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
