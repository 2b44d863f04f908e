"""All that is watched in a deployment, day after day: what is held from one day to the next, and the alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Self

import numpy as np

from triage_cl.domain.drift_alarms import AlarmRule, DriftAlarm, Quantity
from triage_cl.statistics.daily import Profile, Reading
from triage_cl.statistics.detectors import Detector, Evidence
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.references import Reference, without_nan
from triage_cl.statistics.sketches import Sketch

#: So many days are kept for ADWIN, which sees deviations within so many standard deviations.
KEPT, SEEN = 90, 5.0
#: It is told each day so many times over, and cuts readily: with its customary settings it takes weeks of single values
#: to date a change. It tests nothing here: that there is a change is shown already.
VALUES_A_DAY, READILY = 12, 0.2


@dataclass(frozen=True, slots=True, eq=False)
class DriftWatch:
    """The references, and the evidence so far.

    `recent` has the last days' surprises by quantity, an entry a day and series; `last` is the day that was
    observed last.
    """

    profile: Profile
    references: Mapping[Quantity, Reference]
    evidence: Mapping[Quantity, Evidence]
    recent: Mapping[Quantity, Floats]
    last: date
    rule: AlarmRule = field(default_factory=AlarmRule)

    @classmethod
    def begun(cls, days: Mapping[date, Sketch], rule: AlarmRule | None = None) -> Self:
        """A watch whose reference is the given days, which begins on the day after the last of them.

        Answers are to be in the summaries. A day that is missing is one without mail.

        Raises:
            ValueError: The days span less than two weeks.
        """
        first, last = min(days), max(days)
        span = [first + timedelta(day) for day in range((last - first).days + 1)]
        profile = Profile.of(sum(days.values(), Sketch.empty()))
        read = [profile.readings(days.get(day, Sketch.empty())) for day in span]
        weekdays = [day.weekday() for day in span]
        references = {quantity: _reference([day[quantity] for day in read], weekdays) for quantity in Quantity}
        rule = rule or AlarmRule()
        evidence = {name: Detector(name, one, rule).start() for name, one in references.items()}
        recent = {name: np.zeros((0, one.spread.size)) for name, one in references.items()}
        return cls(profile, references, evidence, recent, last, rule)

    def observe(self, at: date, day: Sketch) -> tuple[Self, list[DriftAlarm]]:
        """What is held after one more day, and its alarms. An alarm goes on until a watch is begun anew.

        Raises:
            ValueError: The day is not after the last one.
        """
        if at <= self.last:
            raise ValueError(f"{at} was observed already: the last day was {self.last}")
        watch = self
        for skipped in range(1, (at - self.last).days):
            watch = watch._with(self.last + timedelta(skipped), Sketch.empty())
        watch = watch._with(at, day)
        return watch, [alarm for quantity in Quantity if (alarm := watch._alarm(quantity)) is not None]

    def _with(self, at: date, day: Sketch) -> Self:
        evidence, recent = dict(self.evidence), dict(self.recent)
        for quantity, reading in self.profile.readings(day).items():
            detector, held = self._detector(quantity), self.evidence[quantity]
            surprise = detector.surprises(*reading, at.weekday(), held.before)
            evidence[quantity] = detector.step(held, *reading, at.weekday())
            recent[quantity] = np.concatenate([self.recent[quantity], surprise[None]])[-KEPT:]
        return replace(self, evidence=evidence, recent=recent, last=at)

    def _detector(self, quantity: Quantity) -> Detector:
        return Detector(quantity, self.references[quantity], self.rule)

    def _alarm(self, quantity: Quantity) -> DriftAlarm | None:
        detector, held = self._detector(quantity), self.evidence[quantity]
        if not detector.alarms(held):
            return None
        change = detector.change(held)
        width = adwin_width(self.recent[quantity][:, change.series])
        return DriftAlarm(
            quantity,
            self.profile.series[quantity][change.series],
            since=self.last - timedelta(change.days - 1),
            dated=None if width is None else self.last - timedelta(width - 1),
            at=self.last,
            change=change.by,
            evidence=float(detector.log_evidence(held)),
        )

    def snapshot(self) -> dict[str, Any]:
        """It as plain data (JSON has all of it), from which `restored` makes the same again under the same rule."""
        return {
            "profile": self.profile.plain(),
            "references": {name.value: one.plain() for name, one in self.references.items()},
            "evidence": {name.value: one.plain() for name, one in self.evidence.items()},
            "recent": {name.value: without_nan(one.tolist()) for name, one in self.recent.items()},
            "last": self.last.isoformat(),
        }

    @classmethod
    def restored(cls, snapshot: Mapping[str, Any], rule: AlarmRule | None = None) -> Self:
        """The watch that a snapshot was made of."""
        references = {Quantity(name): Reference.of_plain(one) for name, one in snapshot["references"].items()}
        evidence = {Quantity(name): Evidence.of_plain(one) for name, one in snapshot["evidence"].items()}
        recent = {
            name: np.asarray(snapshot["recent"][name.value], np.float64).reshape(-1, one.spread.size)
            for name, one in references.items()
        }
        last = date.fromisoformat(snapshot["last"])
        return cls(Profile.of_plain(snapshot["profile"]), references, evidence, recent, last, rule or AlarmRule())


def adwin_width(surprises: Sequence[float] | Floats) -> int | None:
    """How many days ago the last change was, the last day being the first of them; None where ADWIN finds none.

    River's ADWIN (Bifet & Gavaldà 2007) over daily surprises, brought into [0, 1], as it asks for.
    """
    from river import drift

    make: Any = drift.ADWIN
    adwin, found = make(delta=READILY, clock=1), False
    for surprise in np.nan_to_num(np.asarray(surprises, np.float64)):
        for _ in range(VALUES_A_DAY):
            adwin.update(0.5 + float(np.clip(surprise, -SEEN, SEEN)) / (2 * SEEN))
            found = found or adwin.drift_detected
    return max(1, round(adwin.width / VALUES_A_DAY)) if found else None


def _reference(readings: Sequence[Reading], weekdays: Sequence[int]) -> Reference:
    values, errors = (np.stack([reading[part] for reading in readings]) for part in (0, 1))
    return Reference.fitted(values, errors, weekdays)
