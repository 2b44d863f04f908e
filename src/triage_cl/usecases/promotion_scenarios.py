"""What can be planted in a simulated promotion, and when somebody looks."""

from enum import StrEnum


class Look(StrEnum):
    """When somebody looks at a duel."""

    EVERY = "every"
    DAY = "day"


class Scenario(StrEnum):
    """A story about a challenger.

    A late bloomer is worse first and better later. The others play in a large office with guards: a small department
    loses 10 points or exactly the tolerance while the whole gains, or everybody gains.
    """

    LATE_BLOOMER = "late-bloomer"
    MINORITY_HARM = "minority-harm"
    AT_TOLERANCE = "at-tolerance"
    ALL_BETTER = "all-better"
