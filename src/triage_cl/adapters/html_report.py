"""A backtest's report as one HTML file: nothing is fetched, nothing runs, the same values give the same bytes."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from triage_cl.adapters import backtest_plots
from triage_cl.adapters.atomic_file import atomic_file
from triage_cl.adapters.plots import MINUS
from triage_cl.statistics.estimators import Interval
from triage_cl.usecases.backtest_report import CHANGES_OF_CHAMPION, BacktestReport, DuelRow, Turn

UNKNOWN = "–"
#: Evidence beyond this is told as more than this.
MANY = 1_000_000_000


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
    filters: tuple[Callable[..., str], ...] = (percent, points, count, figure, between, evidence)
    environment.filters.update({form.__name__: form for form in filters})
    return environment


def _content(report: BacktestReport) -> dict[str, Any]:
    return {
        **{field.name: getattr(report, field.name) for field in fields(report)},
        "accuracy_plot": backtest_plots.accuracy_over_time(report),
        "reviews_plot": backtest_plots.reviews_per_day(report.over_time),
        "coverage_plot": backtest_plots.coverage_against_error(report.coverage_error, report.headline),
        "duel_plots": [_duel_plots(duel) for duel in report.duels if duel.looks],
        "alarms": [row for row in report.drift if row.verdict != "quiet"],
        "moved": CHANGES_OF_CHAMPION,
        "kept": Turn.KEPT,
    }


def _duel_plots(duel: DuelRow) -> dict[str, Any]:
    return {
        "name": duel.name,
        "last": duel.looks[-1],
        "needed": duel.needed,
        "gain": backtest_plots.gain_over_time(duel),
        "evidence": backtest_plots.evidence_over_time(duel),
    }


def percent(share: float | None) -> str:
    """0.912 as 91.2%."""
    return UNKNOWN if share is None else f"{share:.1%}"


def points(share: float) -> str:
    """A difference of shares in points: -0.012 as −1.2."""
    return f"{100 * share:+.1f}".replace("-", MINUS)


def count(number: int) -> str:
    """12480 as 12,480."""
    return f"{number:,}"


def figure(value: float | None) -> str:
    """A score between 0 and 1 with three digits."""
    return UNKNOWN if value is None else f"{value:.3f}"


def between(interval: Interval | None) -> str:
    """The ends of an interval: 88.0 to 96.2%."""
    return UNKNOWN if interval is None else f"{100 * interval.low:.1f} to {percent(interval.high)}"


def evidence(e_value: float) -> str:
    """An e-value to three digits: 0.685, 41.3 or 1,690,000."""
    if e_value >= MANY:
        return f"over {MANY:,}"
    return f"{float(f'{e_value:.3g}'):,.0f}" if e_value >= 100 else f"{e_value:.3g}"
