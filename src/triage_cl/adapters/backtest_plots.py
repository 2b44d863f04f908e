"""The plots of a backtest's report; each is None where there is nothing to plot."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from math import ceil, floor, log10

from triage_cl.adapters.plots import (
    Label,
    Mark,
    Plot,
    Scale,
    Shape,
    Zone,
    area,
    line,
    rounded_up,
    spread,
    stretches,
    x_ticks,
    y_ticks,
    zones,
)
from triage_cl.domain.versions import entrant_in
from triage_cl.usecases.backtest_report import CHANGES_OF_CHAMPION, BacktestReport, DuelRow, Headline, Look, Period

#: Dates and names of moments that are closer than this, in percent of the width, would run into each other.
DATE_WIDTH, NAME_WIDTH = 16.0, 15.0
#: What a duel says before its first mail: anything is possible, and nothing is evident.
BEFORE = Look(mails=0, low=-1.0, mean=0.0, high=1.0, e_value=1.0)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def accuracy_over_time(report: BacktestReport) -> Plot | None:
    """The truth against what the answers tell, with the moments that changed something."""
    periods = report.over_time
    if not periods:
        return None
    across, height = _days(periods), Scale(1.0, _floor_of(periods))
    truths = list(stretches((_middle(period, across), period.accuracy) for period in periods))
    found = list(stretches((_middle(period, across), period.estimate) for period in periods))
    truth_lines = [[(x, height(accuracy)) for x, accuracy in part] for part in truths]
    point_lines = [[(x, height(estimate.point)) for x, estimate in part] for part in found]
    ranges = [([(x, height(e.high)) for x, e in part], [(x, height(e.low)) for x, e in part]) for part in found]
    last = {"truth": truth_lines, "estimate": point_lines}
    return Plot(
        says=f"Accuracy over {len(periods)} periods: the truth, and the estimate from answers with its interval.",
        x_ticks=_dates(across),
        y_ticks=y_ticks(height, "{:.0%}"),
        shapes=(
            *(Shape(area(high, low), "band", "95% interval") for high, low in ranges),
            *(Shape(line(places), "estimate", "estimate from answers") for places in point_lines),
            *(Shape(line(places), "truth", "truth") for places in truth_lines),
        ),
        labels=spread(Label(100, lines[-1][-1][1], name, name) for name, lines in last.items() if lines),
        marks=tuple(_moments(report, across)),
        zones=zones([across(_ends(period)) for period in periods], map(_told, periods)),
    )


def reviews_per_day(periods: Sequence[Period]) -> Plot | None:
    """A bar a period: reviews a day."""
    if not periods:
        return None
    across = _days(periods)
    rates = [period.reviewed / max(1, period.days) for period in periods]
    height = Scale(rounded_up(max(rates)), 0.0)
    starts = [across(period.starts_on.toordinal()) for period in periods]
    return Plot(
        says=f"Reviews a day over {len(periods)} periods, at most {max(rates):.1f}.",
        x_ticks=_dates(across),
        y_ticks=y_ticks(height, "{:,g}", steps=3),
        bars=tuple(
            Zone(start, round(across(_ends(period)) - start, 3), _reviews_told(period, rate), 100 - height(rate))
            for start, period, rate in zip(starts, periods, rates, strict=True)
        ),
    )


def coverage_against_error(curve: Sequence[tuple[float, float]], headline: Headline) -> Plot | None:
    """How much of the surest mail is wrong, by how much of it there is, and where automatic routing stood."""
    if not curve:
        return None
    across, height = Scale(0.0, 1.0), Scale(rounded_up(max(0.01, *(error for _, error in curve))), 0.0)
    places = [(across(coverage), height(error)) for coverage, error in curve]
    wrong = [] if headline.automatic_accuracy is None else [1 - headline.automatic_accuracy]
    dots = tuple((across(headline.automatic_share), height(share)) for share in wrong if share <= height.start)
    return Plot(
        says=f"Wrong among the surest mails: {curve[0][1]:.1%} of the first, {curve[-1][1]:.1%} of all.",
        x_ticks=x_ticks(across, "{:.0%}"),
        y_ticks=y_ticks(height, "{:.1%}" if height.start < 0.05 else "{:.0%}"),
        shapes=(
            Shape(area(places, [(places[0][0], 100.0), (100.0, 100.0)]), "under"),
            Shape(line(places), "truth"),
        ),
        marks=tuple(_automatic(headline, across)),
        dots=dots,
        zones=zones([x for x, _ in places], (f"the surest {mail:.0%}: {error:.2%} wrong" for mail, error in curve)),
    )


def gain_over_time(duel: DuelRow) -> Plot | None:
    """A duel's running gain within its confidence sequence."""
    if not duel.looks:
        return None
    looks = (BEFORE, *duel.looks)
    across = Scale(0, max(1, looks[-1].mails))
    reach = _reach(duel.looks)
    height = Scale(reach, -reach)
    lows, means, highs = (
        [(across(look.mails), height(getattr(look, part))) for look in looks] for part in ("low", "mean", "high")
    )
    return Plot(
        says=f"The gain of {duel.name} after each look, within its confidence sequence. {_look_told(duel.looks[-1])}.",
        x_ticks=x_ticks(across, "{:,.0f}"),
        y_ticks=y_ticks(height, "{:+.1%}" if reach < 0.1 else "{:+.0%}", steps=4),
        shapes=(
            Shape(area(highs, lows), "band", "where the mean gain lies, at all times"),
            Shape("M0,50 L100,50", "zero"),
            Shape(line(means), "estimate", "mean gain so far"),
        ),
        zones=zones([x for x, _ in means], map(_look_told, looks)),
    )


def evidence_over_time(duel: DuelRow) -> Plot | None:
    """A duel's e-value in powers of ten, with what promotion needs."""
    if not duel.looks:
        return None
    looks = (BEFORE, *duel.looks)
    across = Scale(0, max(1, looks[-1].mails))
    powers = [log10(max(look.e_value, 1e-9)) for look in looks]
    needed = log10(duel.needed)
    height = Scale(ceil(max(*powers, needed) + 0.1), floor(min(0.0, *powers)))
    step = max(1, ceil((height.start - height.end) / 4))
    places = [(across(look.mails), height(power)) for look, power in zip(looks, powers, strict=True)]
    return Plot(
        says=f"The e-value of {duel.name}: {looks[-1].e_value:.3g} of {duel.needed:g} needed.",
        x_ticks=x_ticks(across, "{:,.0f}"),
        y_ticks=tuple(Label(0, height(n), _power(n)) for n in range(int(height.end), int(height.start) + 1, step)),
        shapes=(
            Shape(line([(0.0, height(needed)), (100.0, height(needed))]), "needed", f"{duel.needed:g}, needed"),
            Shape(line(places), "truth", "e-value"),
        ),
        zones=zones([x for x, _ in places], map(_look_told, looks)),
    )


def _power(exponent: int) -> str:
    """A power of ten, in digits while they are few."""
    return f"{10.0**exponent:,g}" if abs(exponent) < 5 else "10" + f"{exponent}".translate(SUPERSCRIPTS)


def _ends(period: Period) -> int:
    return period.starts_on.toordinal() + max(1, period.days)


def _days(periods: Sequence[Period]) -> Scale:
    return Scale(periods[0].starts_on.toordinal(), _ends(periods[-1]))


def _middle(period: Period, across: Scale) -> float:
    return across((period.starts_on.toordinal() + _ends(period)) / 2)


def _dates(across: Scale) -> tuple[Label, ...]:
    """Up to six dates, none so late that it would run out of the plot."""
    first, step = date.fromordinal(int(across.start)), ceil((across.end - across.start) * DATE_WIDTH / 100)
    days = [first + timedelta(days=number * step) for number in range(6)]
    places = [(across(day.toordinal()), day) for day in days]
    return tuple(Label(x, 100, day.isoformat()) for x, day in places if x <= 100 - DATE_WIDTH / 2)


def _floor_of(periods: Sequence[Period]) -> float:
    """The tenth under everything that is plotted; the fifth where that is far down."""
    shown = [period.accuracy for period in periods if period.accuracy is not None]
    shown += [period.estimate.low for period in periods if period.estimate is not None]
    least = min(shown, default=0.0)
    parts = 10 if least > 0.55 else 5
    return max(0.0, floor(parts * least - 0.1) / parts)


def _told(period: Period) -> str:
    told = [f"{period.starts_on}: {period.mails:,} mails"]
    if period.accuracy is not None:
        told.append(f"truth {period.accuracy:.1%}")
    if period.estimate is not None:
        told.append(f"estimate {period.estimate.point:.1%} ({period.estimate.low:.1%} to {period.estimate.high:.1%})")
    return ", ".join(told)


def _reviews_told(period: Period, rate: float) -> str:
    return f"{period.starts_on}: {rate:.1f} reviews a day, {period.reviewed:,} of {period.mails:,} mails"


def _look_told(look: Look) -> str:
    between = f"{look.low:+.2%} to {look.high:+.2%}"
    return f"After {look.mails:,} mails: gain {look.mean:+.2%} ({between}), e-value {look.e_value:.3g}"


def _reach(looks: Sequence[Look]) -> float:
    """How far up and down a duel's plot goes: its later half in full, for at first anything is possible."""
    late = looks[len(looks) // 2 :]
    return min(1.0, rounded_up(1.1 * max(max(-look.low, look.high) for look in late)))


def _automatic(headline: Headline, across: Scale) -> Iterator[Mark]:
    if headline.automatic_accuracy is not None:
        told = f"{headline.automatic_share:.0%} automatic, {1 - headline.automatic_accuracy:.1%} wrong"
        yield Mark(across(headline.automatic_share), "automatic", told, told)


def _moments(report: BacktestReport, across: Scale) -> Iterator[Mark]:
    """When another version began to act, and when drift was seen."""
    moments = [
        (row.at, "champion", entrant_in(row.version) or row.version, f"{row.version} {row.turn}")
        for row in report.champions
        if row.turn in CHANGES_OF_CHAMPION
    ]
    moments += [(row.at, "drift", "drift", f"drift: {row.verdict}") for row in report.drift if row.verdict != "quiet"]
    free_from = {"champion": 0.0, "drift": 0.0}
    for at, kind, name, text in sorted(moments):
        x = across(_day_of(at))
        if 0 <= x <= 100:
            fits = free_from[kind] <= x <= 100 - NAME_WIDTH
            free_from[kind] = x + NAME_WIDTH if fits else free_from[kind]
            yield Mark(x, kind, f"{at.date()}: {text}", name if fits else "")


def _day_of(at: datetime) -> float:
    return at.toordinal() + (at.hour + at.minute / 60) / 24
