"""Evidently as the place where windows of mail are compared: a report each, and a dashboard over time.

Only numbers, department ids and derived columns come here, never text. Evidently draws and keeps; how far a column
shifted is told by the domain, on bins that each hold enough mail, and Evidently shows that very number. It takes
seconds to import, so it is imported on first use.
"""

import os
import warnings
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pandas as pd

from triage_cl.adapters.drift_measures import (
    ANSWER,
    CONFIDENCE,
    DECIDED,
    DEPARTMENT,
    PROBABILITY,
    UNSEEN,
    Column,
    Rows,
    answered,
    bin_counts,
    comparable,
    measures,
    titled,
)
from triage_cl.adapters.evidently_dashboard import DRIFT, ESTIMATE, OUTCOME, QUALITY, RIGHT, WRONG, panels
from triage_cl.domain.drift import LEAST_ROWS, SHIFT_BARS, Measure, shift

PROJECT = "triage"
#: Derived from the name, so that whoever makes the project makes the same one.
PROJECT_ID = uuid5(NAMESPACE_URL, f"evidently:{PROJECT}")

TOO_LITTLE = "<!doctype html><title>Drift</title><p>There is too little mail to compare.</p>\n"


class Workspace:
    """An Evidently workspace in the folder `path` with one project and its dashboard, each made when missing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def compare(self, reference: Rows, current: Rows, at: datetime, html: Path) -> list[Measure]:
        """How the current window differs from the reference window, in numbers; draws and keeps a report of it.

        Args:
            reference: a row a mail with `department` (as concluded by one and the same learner for both windows),
                `decided` (the stored decision, which accuracy is about; by default the same), `confidence`, `length`
                (characters), `hour` (0 to 23), `weekday` (0 is Monday), `unseen` (share of features never taught, may
                be NaN), `answer` (the department that a drawn reviewer answered, or None) and `review_probability`.
            current: the same for the later window.
            at: the moment on the dashboard for which the report stands; comparing again for it replaces the report.
            html: where the report is written.
        """
        before, after = titled(reference), titled(current)
        html.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # Evidently and what it stands on warn of their own deprecations, and of every department without answers.
            warnings.simplefilter("ignore")
            self._report(before, after, at, html)
        return measures(before, after)

    def _report(self, before: pd.DataFrame, after: pd.DataFrame, at: datetime, html: Path) -> None:
        if columns := comparable(before, after):
            run = _drift_run(before, after, columns, at)
            self._keep(DRIFT, at, run)
            run.save_html(str(html))
        else:
            html.write_text(TOO_LITTLE, encoding="utf-8")
        if len(answers := answered(after)) >= LEAST_ROWS["quality"]:
            self._keep(QUALITY, at, _quality_run(answers, at))

    def _keep(self, tag: str, at: datetime, run: Any) -> None:
        run_id = uuid5(PROJECT_ID, f"{tag} {at.isoformat()}")
        self._opened.state.write_snapshot(PROJECT_ID, run_id, run.to_snapshot_model())

    @cached_property
    def _opened(self) -> Any:
        _prepare()
        from evidently.sdk.models import DashboardModel, DashboardTabModel, ProjectModel
        from evidently.ui.workspace import Workspace as Opened

        self._path.mkdir(parents=True, exist_ok=True)
        opened = Opened.create(str(self._path))
        if opened.get_project(PROJECT_ID) is None:
            opened.add_project(ProjectModel(id=PROJECT_ID, name=PROJECT, description="Windows of mail, compared"))
        if not opened.get_dashboard(PROJECT_ID).panels:
            shown = panels()
            tab = DashboardTabModel(title="Mail triage", panels=[panel.id for panel in shown])
            opened.save_dashboard(PROJECT_ID, DashboardModel(tabs=[tab], panels=shown))
        return opened


@cache
def _prepare() -> str:
    """Keep Evidently from calling home and teach it the domain's shift; its name there."""
    os.environ.setdefault("DO_NOT_TRACK", "true")
    from evidently.legacy.calculations.stattests.registry import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    types = [ColumnType.Numerical, ColumnType.Categorical]
    test = StatTest("psi_of_filled_bins", "PSI on bins that hold enough mail", types, SHIFT_BARS[0])
    register_stattest(test, _score)
    return str(test.name)


def _score(before: "pd.Series[Any]", after: "pd.Series[Any]", _type: object, _bar: float) -> tuple[float, bool]:
    """The shift of a column, and whether it is more than chance does."""
    measure = shift(str(before.name), "data", *bin_counts(before, after))
    return measure.value, measure.level != "quiet"


def _drift_run(before: pd.DataFrame, after: pd.DataFrame, columns: list[Column], at: datetime) -> Any:
    method = _prepare()
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MeanValue, RowCount, UniqueValueCount
    from evidently.presets import DataDriftPreset

    titles = [column.title for column in columns]
    definition = DataDefinition(
        categorical_columns=[column.title for column in columns if column.category],
        numerical_columns=[column.title for column in columns if not column.category],
    )
    means = [MeanValue(column=column.title) for column in (CONFIDENCE, UNSEEN) if column in columns]
    report = Report(
        [
            DataDriftPreset(columns=titles, method=method),
            UniqueValueCount(column=DEPARTMENT.title),
            *means,
            RowCount(),
        ],
        tags=[DRIFT],
    )
    tables = [Dataset.from_pandas(table[titles], data_definition=definition) for table in (after, before)]
    return report.run(*tables, timestamp=at, name="Drift")


def _quality_run(answers: pd.DataFrame, at: datetime) -> Any:
    _prepare()
    from evidently import DataDefinition, Dataset, MulticlassClassification, Report
    from evidently.metrics import MeanValue, UniqueValueCount
    from evidently.presets import ClassificationPreset

    weight = 1 / answers[PROBABILITY]
    right = answers[DECIDED] == answers[ANSWER]
    outcome = right.map({True: RIGHT, False: WRONG})
    table = answers[[DECIDED, ANSWER]].assign(**{ESTIMATE: right * weight / weight.mean(), OUTCOME: outcome})
    definition = DataDefinition(
        classification=[MulticlassClassification(target=ANSWER, prediction_labels=DECIDED)],
        categorical_columns=[ANSWER, DECIDED, OUTCOME],
        numerical_columns=[ESTIMATE],
    )
    departments = set(table[ANSWER]) | set(table[DECIDED])
    # Evidently takes a task with two labels for one with the labels 0 and 1.
    by_department = [ClassificationPreset()] if len(departments) > 2 else []
    report = Report([*by_department, UniqueValueCount(column=OUTCOME), MeanValue(column=ESTIMATE)], tags=[QUALITY])
    return report.run(Dataset.from_pandas(table, data_definition=definition), timestamp=at, name="Quality")
