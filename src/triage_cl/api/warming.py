"""Load the machine code of everything that a mail and a lesson pass, so that the first one waits no longer."""

from datetime import datetime

from triage_cl.api.reading import RAW, read
from triage_cl.domain.emails import Email
from triage_cl.learning.learner import Learner
from triage_cl.usecases.triage import Desk

MAIL = b"From: somebody@example.com\nSubject: Invoice 12\nMessage-ID: <1@example.com>\n\nI was charged twice.\n"


def warm(desk: Desk, at: datetime) -> None:
    """Decide a mail and teach a learner that nobody uses; nothing is stored and the desk stays as it is."""
    emails = [found for found in read(RAW, MAIL, desk.keys, at) if isinstance(found, Email)]
    desk.conclusions(emails)
    served = desk.learners[desk.champion.entrant]
    if served.recipe.kind == "online":
        scratch, features = Learner(served.recipe, served.key), desk.describe(emails)
        for position, department in enumerate(("one", "another"), 1):
            scratch.learn(position, features[0], department)
        scratch.probabilities(features)
