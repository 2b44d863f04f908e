"""A backtest's report as one HTML file: nothing is fetched, nothing runs, the same values give the same bytes."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from triage_cl.adapters import backtest_plots
from triage_cl.adapters.sql.atomic_file import atomic_file
from triage_cl.statistics.estimators import Interval
from triage_cl.usecases.backtest_report import CHANGES_OF_CHAMPION, BacktestReport, DuelRow

#: A thin space that does not break, as in 91.2 %.
THIN = "\u202f"
UNKNOWN = "–"


def write_backtest_report(report: BacktestReport, path: Path) -> None:
    """Write the report to `path`, complete or not at all.

    Raises:
        NoSpace: The disk is full.
        BadInput: The file cannot be written.
    """
    page = _environment().get_template("report.html").render(_content(report))
    with atomic_file(path) as file:
        file.write(page.encode())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("triage_cl.adapters"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: tuple[Callable[..., str], ...] = (percent, count, figure, between, points)
    environment.filters.update({filter.__name__: filter for filter in filters})
    return environment


def _content(report: BacktestReport) -> dict[str, Any]:
    return {
        **{field.name: getattr(report, field.name) for field in fields(report)},
        "accuracy_plot": backtest_plots.accuracy_over_time(report),
        "reviews_plot": backtest_plots.reviews_per_day(report.over_time),
        "coverage_plot": backtest_plots.coverage_against_error(report.coverage_error, report.headline),
        "duel_plots": [_duel_plots(duel) for duel in report.duels if duel.looks],
        "alarms": [row for row in report.drift if row.verdict != "quiet"],
        "changes_of_champion": CHANGES_OF_CHAMPION,
    }


def _duel_plots(duel: DuelRow) -> dict[str, Any]:
    return {
        "name": duel.name,
        "last": duel.looks[-1],
        "needed": duel.needed,
        "gain": backtest_plots.gain_over_time(duel),
        "evidence": backtest_plots.evidence_over_time(duel),
    }


def percent(share: float | None, digits: int = 1) -> str:
    """0.912 as 91.2 %."""
    return UNKNOWN if share is None else f"{100 * share:.{digits}f}{THIN}%"


def points(share: float | None) -> str:
    """A difference of shares in points: 0.012 as +1.2."""
    return UNKNOWN if share is None else f"{100 * share:+.1f}"


def count(number: int) -> str:
    """12480 as 12,480."""
    return f"{number:,}"


def figure(value: float | None) -> str:
    """A score between 0 and 1 with three digits."""
    return UNKNOWN if value is None else f"{value:.3f}"


def between(interval: Interval | None) -> str:
    """The ends of an interval: 88.0 to 96.2 %."""
    return UNKNOWN if interval is None else f"{100 * interval.low:.1f} to {percent(interval.high)}"
