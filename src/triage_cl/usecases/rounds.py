"""A rehearsal's rounds: an archive's time cut into equal parts, and what is done at the end of which."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

#: However long the archive is.
MOST_ROUNDS = 60

#: In how many parts an archive is looked at for drift and the duel judged; a challenger is made every second time.
LOOKS = 8


@dataclass(frozen=True, slots=True)
class Round:
    """Some whole days of an archive, from `begins_at` until before `ends_at`, and what follows them."""

    number: int
    begins_at: datetime
    ends_at: datetime
    looks: bool
    retrains: bool


def plan_rounds(first_at: datetime, last_at: datetime) -> list[Round]:
    """Rounds that cover all mail between two times: a day each, or so many days that they are at most 60.

    Drift and duel are looked at after each eighth of the rounds but the first, when there is nothing yet to compare
    with; a challenger is made at every second look, but not when all mail is over.
    """
    begins_at = first_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (last_at - begins_at).days + 1
    length = timedelta(days=ceil(days / MOST_ROUNDS))
    total = ceil(timedelta(days=days) / length)
    every = ceil(total / LOOKS)
    return [
        Round(
            number=number,
            begins_at=begins_at + (number - 1) * length,
            ends_at=begins_at + number * length,
            looks=number % every == 0 and number > every,
            retrains=number % (2 * every) == 0 and number < total,
        )
        for number in range(1, total + 1)
    ]
