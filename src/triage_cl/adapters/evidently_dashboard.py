"""What the Evidently dashboard shows over time; its panels are made once, with the project."""

from typing import Any

from triage_cl.adapters.drift_measures import CONFIDENCE, DEPARTMENT, HOUR, LENGTH, UNSEEN, WEEKDAY, Column

#: Tags of the two runs that one comparison keeps.
DRIFT, QUALITY = "drift", "quality"

#: Columns of the quality run: one whose mean estimates the accuracy on all mail, and what an answer says.
ESTIMATE = "Right, weighted by 1 / review probability"
OUTCOME = "Decision"
RIGHT, WRONG = "right", "wrong"

#: Evidently's template for a legend: each value of the column by its name.
EACH = "{{label}}"


def panels() -> list[Any]:
    """The panels of the dashboard, in reading order."""
    from evidently.sdk.panels import bar_plot_panel, counter_panel, line_plot_panel

    return [
        counter_panel("Mails", [_mails("mails")], "in the latest window", size="half"),
        counter_panel("Accuracy", [_accuracy("of all mail")], "in the latest window, estimated", size="half"),
        line_plot_panel(
            "Shift of what is predicted",
            [_shift(column) for column in (DEPARTMENT, CONFIDENCE)],
            "PSI against the reference window: up to 0.1 is quiet, above 0.25 is a reason to retrain",
            size="half",
        ),
        line_plot_panel(
            "Shift of the mail itself",
            [_shift(column) for column in (LENGTH, UNSEEN, HOUR, WEEKDAY)],
            "PSI against the reference window",
            size="half",
        ),
        line_plot_panel(
            "Accuracy",
            [_accuracy("on all mail, estimated"), _outcome("on answered mails", value_type="share", label=RIGHT)],
            "Doubtful mails are reviewed more often: the estimate makes up for it",
            size="half",
        ),
        line_plot_panel(
            "Confidence and novelty",
            [
                _value("MeanValue", "mean confidence", DRIFT, column=CONFIDENCE.title),
                _value("MeanValue", "mean share of unseen features", DRIFT, column=UNSEEN.title),
            ],
            "How sure the champion is, and how much of a mail it has never been taught",
            size="half",
        ),
        bar_plot_panel(
            "Predicted departments",
            [_value("UniqueValueCount", EACH, DRIFT, column=DEPARTMENT.title, value_type="share")],
            "Share of the mails of each window",
            stacked=True,
        ),
        bar_plot_panel("Mails", [_mails("mails")], "In each window", size="half"),
        bar_plot_panel(
            "Answers",
            [_outcome(EACH, value_type="count")],
            "Reviewed mails of each window, by what the answer says about the decision",
            size="half",
            stacked=True,
        ),
    ]


def _shift(column: Column) -> Any:
    return _value("ValueDrift", column.title, DRIFT, column=column.title)


def _accuracy(legend: str) -> Any:
    return _value("MeanValue", legend, QUALITY, column=ESTIMATE)


def _outcome(legend: str, **labels: str) -> Any:
    return _value("UniqueValueCount", legend, QUALITY, column=OUTCOME, **labels)


def _mails(legend: str) -> Any:
    return _value("RowCount", legend, DRIFT)


def _value(metric: str, legend: str, tag: str, **labels: str) -> Any:
    from evidently.sdk.models import PanelMetric

    return PanelMetric(metric=metric, legend=legend, tags=[tag], metric_labels=labels)
