"""When mail arrives: Mondays are busy, weekends and nights quiet."""

from datetime import datetime, timedelta
from random import Random

#: Monday to Sunday, and the hours of a day (UTC), relative to each other.
_WEEKDAYS = (1.4, 1.2, 1.1, 1.05, 0.95, 0.35, 0.3)
_HOURS = (1, 1, 1, 1, 1, 2, 5, 12, 22, 26, 25, 21, 17, 19, 20, 19, 17, 13, 10, 9, 8, 6, 4, 2)


def arrivals(rng: Random, starts_at: datetime, days: int, count: int) -> list[datetime]:
    """`count` times within `days` days from `starts_at`, in order, to the second."""
    busy = [_WEEKDAYS[(starts_at + timedelta(days=day)).weekday()] * rng.uniform(0.9, 1.1) for day in range(days)]
    chosen = rng.choices(range(days), busy, k=count)
    hours = rng.choices([(hour - starts_at.hour) % 24 for hour in range(24)], _HOURS, k=count)
    return sorted(
        starts_at + timedelta(days=day, hours=hour, seconds=rng.randrange(3600))
        for day, hour in zip(chosen, hours, strict=True)
    )
