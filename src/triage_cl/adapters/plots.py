"""What a plot consists of: places in a square of 100 by 100 that a template stretches to any width.

x runs from the left, y from the top, both in percent; whoever draws keeps text and lines at their own size.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10
from typing import TypeVar

Value = TypeVar("Value")
Place = tuple[float, float]

MINUS = "−"
#: Labels below each other that are closer than this, in percent of the height, would run into each other.
LABEL_HEIGHT = 9.0


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to percent: `start` is at the left or the top, `end` at the right or the bottom."""

    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where the value stands."""
        return round(100 * (value - self.start) / (self.end - self.start), 3) + 0.0


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place; `kind` names its style."""

    x: float
    y: float
    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """An SVG path; `kind` names its style, `name` stands in the legend."""

    path: str
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Zone:
    """An upright part of the plot that tells `text` to a pointer over it; its `height` shows where it is a bar."""

    x: float
    width: float
    text: str
    height: float = 100.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, as an upright line with a text for a pointer and a short label, empty where there is no room."""

    x: float
    kind: str
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot; `says` tells its content to whoever cannot see it."""

    says: str
    x_ticks: tuple[Label, ...]
    y_ticks: tuple[Label, ...]
    shapes: tuple[Shape, ...] = ()
    labels: tuple[Label, ...] = ()
    marks: tuple[Mark, ...] = ()
    bars: tuple[Zone, ...] = ()
    zones: tuple[Zone, ...] = ()
    dots: tuple[Place, ...] = ()


def line(places: Sequence[Place]) -> str:
    """The path through the places; a single one is drawn as a dot."""
    path = "M" + " L".join(f"{x:g},{y:g}" for x, y in places)
    return path if len(places) > 1 else f"{path} h0"


def area(upper: Sequence[Place], lower: Sequence[Place]) -> str:
    """The path around what lies between two lines that run to the right."""
    return f"{line([*upper, *reversed(lower)])} Z"


def stretches(values: Iterable[tuple[float, Value | None]]) -> Iterator[list[tuple[float, Value]]]:
    """The parts over which values are known: a gap in knowledge is a gap in the line."""
    for known, part in groupby(values, lambda item: item[1] is not None):
        if known:
            yield [(x, value) for x, value in part if value is not None]


def zones(ends: Sequence[float], texts: Iterable[str]) -> tuple[Zone, ...]:
    """Parts side by side, each from the end of the one before to its own end."""
    starts = [0.0, *ends]
    return tuple(
        Zone(start, round(end - start, 3), text) for start, end, text in zip(starts, ends, texts, strict=False)
    )


def spread(labels: Iterable[Label]) -> tuple[Label, ...]:
    """The labels, moved down until none covers another."""
    apart: list[Label] = []
    for label in sorted(labels, key=lambda label: label.y):
        y = max(label.y, apart[-1].y + LABEL_HEIGHT) if apart else label.y
        apart.append(Label(label.x, y, label.text, label.kind))
    return tuple(apart)


def ticks(scale: Scale, form: str, steps: int = 5) -> list[tuple[float, str]]:
    """Round values on the scale, `steps` of them and one more: where they stand, and what to write there."""
    low, high = sorted((scale.start, scale.end))
    step = _step(high - low, steps)
    numbers = range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)
    return [(scale(number * step), _written(number * step, form)) for number in numbers]


def _written(value: float, form: str) -> str:
    return (form if value else form.replace("+", "")).format(value).replace("-", MINUS)


def x_ticks(scale: Scale, form: str) -> tuple[Label, ...]:
    """Round values under the plot."""
    return tuple(Label(x, 100, text) for x, text in ticks(scale, form))


def y_ticks(scale: Scale, form: str, steps: int = 5) -> tuple[Label, ...]:
    """Round values beside the plot."""
    return tuple(Label(0, y, text) for y, text in ticks(scale, form, steps))


def rounded_up(value: float) -> float:
    """The next value that four round steps or fewer reach; 1 for nothing."""
    if value <= 0:
        return 1.0
    step = _step(value, 4)
    return step * ceil(value / step - 1e-9)


def _step(reach: float, steps: int) -> float:
    """The least of 1, 2 and 5 times the powers of ten of which `steps` span the reach."""
    power = 10.0 ** floor(log10(reach / steps))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power * steps >= reach * (1 - 1e-9))
