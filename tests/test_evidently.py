"""Windows of mail compared, reported and kept by Evidently itself."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from triage_cl.adapters.drift_measures import bin_counts, measures, titled
from triage_cl.adapters.evidently_reports import PROJECT_ID, Workspace
from triage_cl.domain.drift import decide_drift

AT = datetime(2026, 2, 1, tzinfo=UTC)
EVEN = {"billing": 0.4, "sales": 0.3, "it-support": 0.2, "press": 0.1}
PRESS = {"billing": 0.1, "sales": 0.1, "it-support": 0.1, "press": 0.7}


def window(seed=1, mails=400, departments=EVEN, confidence=0.8, accuracy=0.9, unseen=0.1, weekdays=7, reviewed=0.5):
    """Rows as the ledger gives them, drawn with a seed."""
    rng = random.Random(seed)
    return [row(rng, departments, confidence, accuracy, unseen, weekdays, reviewed) for _ in range(mails)]


def row(rng, departments, confidence, accuracy, unseen, weekdays, reviewed):
    department = rng.choices(list(departments), departments.values())[0]
    truth = department if rng.random() < accuracy else rng.choice(list(departments))
    return {
        "department": department,
        "confidence": min(1.0, rng.gauss(confidence, 0.1)),
        "length": int(rng.lognormvariate(6, 1)),
        "hour": int(rng.triangular(0, 23, 11)),
        "weekday": rng.randrange(weekdays),
        "unseen": None if unseen is None else max(0.0, rng.gauss(unseen, 0.03)),
        "answer": truth if rng.random() < reviewed else None,
        "review_probability": reviewed or 0.1,
    }


def compared(before, after):
    """Each measure by name, without Evidently."""
    return {measure.name: measure for measure in measures(titled(before), titled(after))}


def test_two_windows_of_the_same_mail_are_quiet():
    for seed in range(10):
        verdict, reasons = decide_drift(list(compared(window(seed), window(seed + 100)).values()))
        assert verdict == "quiet", reasons


def test_shifted_departments_ask_for_retraining():
    verdict, reasons = decide_drift(list(compared(window(), window(2, departments=PRESS)).values()))
    assert verdict == "retrain"
    assert reasons[0].startswith("departments shifted: PSI")


def test_a_learner_that_becomes_surer_is_no_reason_to_act_and_one_that_doubts_is():
    sure, unsure = window(confidence=0.9), window(2, confidence=0.6)
    assert compared(unsure, sure)["confidence"].level == "quiet"
    assert compared(sure, unsure)["confidence"].level == "retrain"


def test_mail_that_becomes_unfamiliar_is_a_reason_and_mail_that_becomes_familiar_is_none():
    familiar, unfamiliar = window(unseen=0.1), window(2, unseen=0.3)
    assert compared(unfamiliar, familiar)["unseen features"].level == "quiet"
    assert compared(familiar, unfamiliar)["unseen features"].level == "retrain"


def test_a_window_that_misses_weekdays_says_nothing_about_them():
    assert compared(window(), window(2, weekdays=3))["weekday"].level == "quiet"


def test_fewer_right_answers_ask_for_retraining():
    dropped = compared(window(mails=800, reviewed=1.0), window(2, mails=800, reviewed=1.0, accuracy=0.6))
    assert dropped["accuracy drop"].level == "retrain"


def test_rare_departments_share_a_bin():
    before, after = (titled([{"department": f"d{n}"} for n in range(40)] + [{"department": "big"}] * 60) for _ in "ab")
    assert bin_counts(before["Departments"], after["Departments"]) == ([60, 40], [60, 40])


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A workspace after three comparisons, one of them repeated, by two users of it."""
    folder = tmp_path_factory.mktemp("evidently")
    for week, departments in enumerate((EVEN, EVEN, PRESS, PRESS)):
        rows = [{**each, "body": "a sentence of a mail"} for each in window(week, departments=departments)]
        at = AT + min(week, 2) * timedelta(days=7)
        Workspace(folder / "workspace").compare(window(), rows, at, folder / f"{week}.html")
    return folder


@pytest.fixture
def opened(kept):
    from evidently.ui.workspace import Workspace as Opened

    return Opened.create(str(kept / "workspace"))


def test_the_project_is_made_once_and_found_by_its_name(opened):
    assert [project.name for project in opened.list_projects()] == ["triage"]
    assert [project.id for project in opened.search_project("triage")] == [PROJECT_ID]


def test_a_comparison_made_again_replaces_the_first(opened):
    runs = [opened.get_run(PROJECT_ID, run) for run in opened.list_runs(PROJECT_ID)]
    times = sorted(run.timestamp for run in runs if run.tags == ["drift"])
    assert times == [AT, AT + timedelta(days=7), AT + timedelta(days=14)]


def test_the_report_is_a_page_that_needs_nothing_else(kept):
    page = (kept / "0.html").read_text(encoding="utf-8")
    assert "Unseen features" in page
    assert '<script src="http' not in page


def test_no_text_reaches_evidently(kept):
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert len(files) > 6
    assert not [path for path in files if b"a sentence of a mail" in path.read_bytes()]


def test_every_panel_of_the_dashboard_shows_every_window(kept, opened):
    from evidently.ui.service.base import SeriesFilter
    from evidently.ui.service.storage.local.base import InMemoryDataStorage

    storage = InMemoryDataStorage(str(kept / "workspace"))
    panels = opened.get_dashboard(PROJECT_ID).panels
    assert len(panels) == 9
    for panel in panels:
        filters = [
            SeriesFilter(tags=value.tags, metadata={}, metric=value.metric, metric_labels=value.metric_labels)
            for value in panel.values
        ]
        shown = asyncio.run(storage.get_data_series(PROJECT_ID, filters, None, None))
        assert {series.filter_index for series in shown.series} == set(range(len(filters))), panel.title
        assert all(len(series.values) == 3 for series in shown.series), panel.title


def test_evidently_shows_the_very_number_on_which_drift_is_judged(kept, opened, tmp_path):
    found = {
        measure.name: measure.value
        for measure in Workspace(kept / "workspace").compare(window(), window(9), AT, tmp_path / "drift.html")
    }
    runs = [opened.get_run(PROJECT_ID, run) for run in opened.list_runs(PROJECT_ID)]
    [run] = [run for run in runs if run.tags == ["drift"] and run.timestamp == AT]
    shown = {
        location.metric.params["column"].lower(): result.value
        for result in run.metric_results.values()
        for location in [result.metric_value_location]
        if location.metric.params["type"].endswith("ValueDrift")
    }
    assert shown == {name: pytest.approx(found[name]) for name in shown}
    assert len(shown) == 6


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([], window(mails=3)),
        (window(mails=1), window(mails=1)),
        (window(), window(2, departments={"billing": 1.0})),
        (window(), window(2, departments={"billing": 0.5, "sales": 0.5})),
        (window(), window(2, departments={"new": 0.5, "newer": 0.3, None: 0.2})),
        (window(unseen=None), window(2, unseen=None, reviewed=0)),
    ],
    ids=["nothing", "no reference", "one mail", "one department", "two departments", "new departments", "few columns"],
)
def test_any_two_windows_get_a_report_and_a_verdict(tmp_path, before, after):
    found = Workspace(tmp_path / "workspace").compare(before, after, AT, tmp_path / "reports" / "drift.html")
    assert decide_drift(found)[1]
    assert (tmp_path / "reports" / "drift.html").stat().st_size > 50
