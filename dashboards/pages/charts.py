"""What the console draws, as places in percent."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from triage_cl.adapters.plots import Label, Plot, Scale, Shape, area, line, rounded_up, stretches, y_ticks, zones
from triage_cl.domain.promotion import Evidence
from triage_cl.statistics.estimators import Interval
from triage_cl.usecases.console_ledger import Volume

#: How much of its place a bar leaves free on either side, in percent.
GAP = 12.0
#: The strip of a gain reaches at least so far, or nothing would look like something.
LEAST_REACH = 0.02


def mail_by_hour(hours: Sequence[Volume]) -> Plot:
    """Today's mail, a bar an hour; those to come are empty."""
    ticks = tuple(Label(100 * (hour + 0.5) / 24, 100, f"{hour:02}:00") for hour in range(0, 24, 4))
    said = f"Mail by the hour today: {sum(volume.mails for volume in hours):,} so far."
    return _bars(hours, 24, ticks, said, "%H:00")


def mail_by_day(days: Sequence[Volume]) -> Plot:
    """The last days' mail, a bar a day."""
    said = f"Mail by the day over {len(days)} days: {sum(volume.mails for volume in days):,}."
    return _bars(days, len(days), _dates(days), said, "%a %d %b")


def automatic_share(days: Sequence[Volume]) -> Plot | None:
    """The share routed automatically by day; None without mail."""
    shares = [volume.automatic_share for volume in days]
    known = [share for share in shares if share is not None]
    if not known:
        return None
    across, height = Scale(0, len(days)), Scale(1.0, 0.0)
    found = stretches((across(n + 0.5), share) for n, share in enumerate(shares))
    parts = [[(x, height(share)) for x, share in part] for part in found]
    return Plot(
        says=f"The share routed automatically by day over {len(days)} days, lately {known[-1]:.1%}.",
        x_ticks=_dates(days),
        y_ticks=y_ticks(height, "{:.0%}", steps=2),
        shapes=(
            *(Shape(area(places, [(places[0][0], 100.0), (places[-1][0], 100.0)]), "under") for places in parts),
            *(Shape(line(places), "estimate") for places in parts),
        ),
        zones=zones([across(n + 1) for n in range(len(days))], [f"{v.at:%a %d %b}: {_told(v)}" for v in days]),
    )


def _dates(days: Sequence[Volume]) -> tuple[Label, ...]:
    """Every third day, the last one first."""
    shown = range(len(days) - 1, -1, -3)
    return tuple(Label(100 * (n + 0.5) / len(days), 100, f"{days[n].at:%d %b}") for n in reversed(shown))


def _bars(volumes: Sequence[Volume], places: int, dates: tuple[Label, ...], said: str, form: str) -> Plot:
    height = Scale(max(4.0, rounded_up(max(volume.mails for volume in volumes))), 0.0)
    width = 100 / places
    ends = [round((n + 1) * width, 3) for n in range(len(volumes))]
    return Plot(
        says=said,
        x_ticks=dates,
        y_ticks=y_ticks(height, "{:,g}", steps=4),
        shapes=(
            Shape(_columns([height(volume.mails) for volume in volumes], width), "people", "by people"),
            Shape(_columns([height(volume.automatic) for volume in volumes], width), "automatic", "automatically"),
        ),
        zones=zones(ends, [f"{volume.at:{form}}: {_told(volume)}" for volume in volumes]),
    )


def _columns(tops: Sequence[float], width: float) -> str:
    """Bars side by side up to these heights, as one path."""
    inner = width * (1 - 2 * GAP / 100)
    lefts = (width * (n + GAP / 100) for n in range(len(tops)))
    return " ".join(
        f"M{left:.2f},100 V{top:g} h{inner:.2f} V100 Z" for left, top in zip(lefts, tops, strict=True) if top < 100
    )


def _told(volume: Volume) -> str:
    share = volume.automatic_share
    more = "" if share is None else f", {share:.0%} routed automatically, {volume.drawn:,} drawn for review"
    return f"{volume.mails:,} mails{more}"


@dataclass(frozen=True, slots=True)
class Strip:
    """An interval on a line: where it begins, how wide it is, and its point, in percent of the line."""

    start: float
    width: float
    point: float


def strip_of_share(interval: Interval) -> Strip:
    """A share's interval between none and all."""
    return _strip(interval.low, interval.point, interval.high, Scale(0.0, 1.0))


def strip_of_gain(evidence: Evidence) -> tuple[Strip, float]:
    """A duel's gain with its interval, zero in the middle; how far the line reaches."""
    reach = min(1.0, rounded_up(max(LEAST_REACH, -evidence.gain_low, evidence.gain_high)))
    return _strip(evidence.gain_low, evidence.gain, evidence.gain_high, Scale(-reach, reach)), reach


def _strip(low: float, point: float, high: float, scale: Scale) -> Strip:
    return Strip(scale(low), round(scale(high) - scale(low), 3), scale(point))


def progress(e_value: float, needed: float) -> float:
    """How far the evidence is from none (1) to what is needed, in percent: each factor of ten is as far."""
    return round(100 * min(1.0, max(0.0, log10(max(e_value, 1e-300)) / log10(needed))), 1)
