"""The backtest's report: one file that fetches nothing, escapes everything, and is the same for the same values."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.adapters.backtest_plots import (
    accuracy_over_time,
    coverage_against_error,
    evidence_over_time,
    gain_over_time,
    reviews_per_day,
)
from triage_cl.adapters.html_report import evidence, write_backtest_report
from triage_cl.adapters.plots import Plot, Scale, ticks
from triage_cl.domain.errors import BadInput
from triage_cl.statistics.estimators import Interval
from triage_cl.usecases.backtest_report import (
    BacktestReport,
    Baseline,
    ChampionRow,
    Confusion,
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

NASTY = '<script>alert("mine")</script> & sons'
FETCHING = {"src", "href", "data", "srcset", "action", "poster", "xlink:href"}
VOID = {"meta", "link", "br", "path", "rect"}


def headline() -> Headline:
    return Headline(
        mails=1_002,
        decided=1_000,
        quarantined=2,
        reviewed=100,
        review_share=0.1,
        accuracy=Halves(0.871, 0.912),
        macro_f1=Halves(0.81, 0.84),
        ece=Halves(0.03, 0.02),
        automatic_share=0.6,
        automatic_accuracy=0.97,
        estimate=Interval(0.88, 0.84, 0.91),
    )


def at(week: int) -> datetime:
    return datetime(2025, 3, 3, 9, 30, tzinfo=UTC) + timedelta(days=7 * week)


def period(week: int) -> Period:
    estimate = None if week == 2 else Interval(0.85, 0.8, 0.9)
    accuracy = None if week == 3 else 0.7 + 0.04 * week
    return Period(date(2025, 3, 3) + timedelta(days=7 * week), 7, 200, accuracy, estimate, 20 + week, 0.5)


def full() -> BacktestReport:
    return BacktestReport(
        archive=f"{NASTY}.jsonl",
        seed=7,
        options=(("review share", NASTY),),
        headline=headline(),
        over_time=tuple(period(week) for week in range(6)),
        coverage_error=((0.1, 0.0), (0.5, 0.02), (1.0, 0.129)),
        departments=(
            DepartmentRow(NASTY, 600, 0.9, 0.8, 60, Interval(0.91, 0.85, 0.95)),
            DepartmentRow("Legal", 2, None, 0.0, 0, None),
        ),
        confusion=confusion_of([NASTY, NASTY, "Legal"], [NASTY, "Legal", None]),
        drift=(DriftRow(at(1), "quiet", ()), DriftRow(at(3), "retrain", (NASTY, "the error rate rose"))),
        champions=(
            ChampionRow(at(0), "hashed-ensemble@0-0", Turn.BECAME_CHAMPION, ("the first",)),
            ChampionRow(at(4), f"{NASTY}@9-9", Turn.BECAME_CHAMPION, (NASTY,)),
        ),
        baselines=(Baseline(NASTY, Halves(None, 0.4)),),
        duels=(DuelRow(NASTY, (Look(100, -1.0, 0.3, 1.0, 1.2), Look(900, 0.01, 0.04, 0.07, 3.2e7))),),
    )


def empty() -> BacktestReport:
    unknown = Halves(None, None)
    nothing = Headline(0, 0, 0, 0, 0.0, unknown, unknown, unknown, 0.0, None, None)
    return BacktestReport("empty.jsonl", 0, (), nothing)


def page(report: BacktestReport, folder: Path) -> str:
    path = folder / "report.html"
    write_backtest_report(report, path)
    return path.read_text(encoding="utf-8")


class Reader(HTMLParser):
    """What a browser would make of the page: elements, what they fetch, whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def named(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


def plots_of(report: BacktestReport) -> list[Plot | None]:
    duel = report.duels[0] if report.duels else DuelRow("none", ())
    return [
        accuracy_over_time(report),
        reviews_per_day(report.over_time),
        coverage_against_error(report.coverage_error, report.headline),
        gain_over_time(duel),
        evidence_over_time(duel),
    ]


@pytest.mark.parametrize("report", [full(), empty()], ids=["full", "empty"])
def test_the_page_fetches_and_runs_nothing(report: BacktestReport, tmp_path: Path) -> None:
    text = page(report, tmp_path)
    fetched = [value for _, found in Reader(text).elements for name, value in found.items() if name in FETCHING]
    assert fetched == ["data:,"]
    assert not re.search(r"https?:|url\(|@import|<script|\son\w+=", text)


@pytest.mark.parametrize("report", [full(), empty()], ids=["full", "empty"])
def test_every_element_is_closed_in_its_place(report: BacktestReport, tmp_path: Path) -> None:
    assert Reader(page(report, tmp_path)).open == []


def test_names_are_shown_and_never_run(tmp_path: Path) -> None:
    text = page(full(), tmp_path)
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(&#34;mine&#34;)&lt;/script&gt; &amp; sons") >= 8


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    assert page(full(), tmp_path) == page(full(), tmp_path)


def test_a_report_of_nothing_says_so(tmp_path: Path) -> None:
    text = page(empty(), tmp_path)
    assert "No mail was decided." in text
    assert "Nobody challenged." in text
    assert plots_of(empty()) == [None] * 5


def test_the_page_serves_those_who_cannot_see_it(tmp_path: Path) -> None:
    read = Reader(page(full(), tmp_path))
    pictures = [found for _, found in read.elements if found.get("role") == "img"]
    assert len(pictures) == 6
    assert all(found.get("aria-label") for found in pictures)
    assert len(list(read.named("table"))) == len(list(read.named("caption"))) == 6
    assert {found.get("lang") for found in read.named("html")} == {"en"}


def test_the_page_fits_a_phone_and_the_dark(tmp_path: Path) -> None:
    text = page(full(), tmp_path)
    assert "width=device-width" in text
    assert "prefers-color-scheme: dark" in text


def test_the_headline_tells_the_figures(tmp_path: Path) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page(full(), tmp_path)).split())
    for told in ("91.2% in the second half, 87.1% of all mail", "88.0% of all mail, 84.0 to 91.0%", "1,002 mails"):
        assert told in text


def test_where_the_answers_tell_nothing_no_interval_is_shown(tmp_path: Path) -> None:
    report = replace(full(), headline=replace(headline(), estimate=None, automatic_accuracy=None))
    assert "too few answers to tell" in page(report, tmp_path)


def test_changes_and_drift_stand_in_the_plot_at_their_time() -> None:
    plot = accuracy_over_time(full())
    assert plot is not None
    assert [(mark.kind, mark.x) for mark in plot.marks] == [
        ("champion", pytest.approx(100 * 0.3958 / 42, abs=0.01)),
        ("drift", pytest.approx(100 * 21.3958 / 42, abs=0.01)),
        ("champion", pytest.approx(100 * 28.3958 / 42, abs=0.01)),
    ]
    assert [mark.label for mark in plot.marks] == ["hashed-ensemble", "drift", NASTY]


def test_a_gap_in_knowledge_is_a_gap_in_the_line() -> None:
    plot = accuracy_over_time(full())
    assert plot is not None
    kinds = [shape.kind for shape in plot.shapes]
    assert (kinds.count("band"), kinds.count("estimate"), kinds.count("truth")) == (2, 2, 2)


def test_labels_never_cover_each_other() -> None:
    alike = tuple(replace(period(week), accuracy=0.85, estimate=Interval(0.85, 0.8, 0.9)) for week in range(3))
    plot = accuracy_over_time(replace(full(), over_time=alike))
    assert plot is not None
    first, second = (label.y for label in plot.labels)
    assert second - first >= 9


@given(st.floats(1e-6, 1e6), st.integers(3, 6))
def test_ticks_are_round_and_within_the_scale(reach: float, steps: int) -> None:
    found = ticks(Scale(reach, 0.0), "{:g}", steps)
    assert 2 <= len(found) <= steps + 1
    assert all(-0.01 <= place <= 100.01 for place, _ in found)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 400)), min_size=1, max_size=30))
def test_any_periods_can_be_drawn(found: list[tuple[int, int]]) -> None:
    start = date(2025, 1, 1)
    periods = tuple(
        Period(start + timedelta(days=number), 1, mails, right / 9, Interval(right / 9, 0, 1), mails, 0.0)
        for number, (right, mails) in enumerate(found)
    )
    drawn = [plot for plot in plots_of(replace(full(), over_time=periods)) if plot is not None]
    assert len(drawn) == 5
    for plot in drawn:
        assert all(0 <= label.y <= 100 for label in plot.y_ticks)
        assert all(0 <= label.x <= 100 for label in plot.x_ticks)
        assert all(0 <= zone.x <= 100 and zone.width >= 0 for zone in plot.zones + plot.bars)


@pytest.mark.parametrize(("e_value", "told"), [(0.6852, "0.685"), (41.28, "41.3"), (1.69e6, "1,690,000")])
def test_evidence_is_told_in_plain_digits(e_value: float, told: str) -> None:
    assert evidence(e_value) == told
    assert evidence(1e300) == "over 1,000,000,000"


def test_a_report_is_ready_for_json() -> None:
    told = json.loads(json.dumps(asdict(full()), default=str))
    assert told["headline"]["estimate"] == {"point": 0.88, "low": 0.84, "high": 0.91}
    assert told["champions"][0]["turn"] == "became champion"


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file where a folder should be")
    with pytest.raises(BadInput, match="occupied"):
        write_backtest_report(empty(), tmp_path / "occupied" / "report.html")


def test_the_confusion_shows_the_largest_and_counts_everything() -> None:
    truths, conclusions = list("aaabbc"), ["a", "b", None, "b", "d", "a"]
    assert confusion_of(truths, conclusions, most=2) == Confusion(
        ("a", "b", "other", "nothing concluded"),
        ((1, 1, 0, 1), (0, 1, 1, 0), (1, 0, 0, 0), (0, 0, 0, 0)),
    )


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.sampled_from("abcdefgh"))), st.integers(1, 8))
def test_no_mail_is_lost_in_the_confusion(pairs: list[tuple[str, str | None]], most: int) -> None:
    confusion = confusion_of([pair[0] for pair in pairs], [pair[1] for pair in pairs], most)
    assert sum(map(sum, confusion.mails)) == len(pairs)
    assert len(confusion.names) <= most + 2
