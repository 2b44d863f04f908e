"""What taking back is worth: a learner taught by everybody, by all but the flagged, and by honest people alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from triage_cl.learning.ensemble import HashedEnsemble
from triage_cl.learning.hashing import Features, describe_many
from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.reviewers import Bools
from triage_cl.synthesis.labelled_mail import short_mail
from triage_cl.usecases.reviewer_answers import Reviewers

_KEY = bytes(32)


@dataclass(frozen=True, slots=True)
class AnsweredMail:
    """Mail with the true departments, as numbers (the commonest is 0); the first `lessons` mails are answered."""

    features: Sequence[Features]
    truth: Ints
    lessons: int

    @classmethod
    def generated(cls, seed: int, departments: int, lessons: int = 4_000, test: int = 2_000) -> "AnsweredMail":
        """Generated mail of the commonest `departments`; the same for the same seed."""
        mails = list(short_mail(seed, lessons + test))
        commonest = [label for label, _ in Counter(mail.label for mail in mails).most_common(departments)]
        kept = [mail for mail in mails if mail.label in commonest]
        texts = [{"sender": mail.sender, "subject": mail.subject, "body": mail.body} for mail in kept]
        truth = np.array([commonest.index(mail.label) for mail in kept])
        return cls(describe_many(_KEY, texts), truth, len(kept) * lessons // (lessons + test))

    def accuracy(self, answers: Ints, learned: Bools) -> float:
        """The share of the other mails that is concluded rightly after those of the `answers` that are `learned`."""
        learner = HashedEnsemble(key=_KEY)
        for lesson in np.flatnonzero(learned):
            learner.learn(self.features[lesson], int(answers[lesson]))
        concluded = np.array(learner.classes)[learner.probabilities(self.features[self.lessons :]).argmax(axis=1)]
        return float(np.mean(concluded == self.truth[self.lessons :]))


def accuracy_after_taking_back(
    mail: AnsweredMail, reviewers: Reviewers, flagged: Bools, seed: int
) -> Mapping[str, float]:
    """Accuracy after lessons by the people of the first repetition: all honest, as they are, without the `flagged`.

    The same person answers the same mail in all three.
    """
    truth = mail.truth[: mail.lessons]
    who = np.random.default_rng(seed).integers(0, reviewers.population.reviewers, truth.size)
    run = np.zeros_like(who)
    # One seed for both: without malice everybody errs where they err with it.
    honest = reviewers.honest().answers(run, who, truth, np.random.default_rng(seed))
    given = reviewers.answers(run, who, truth, np.random.default_rng(seed))
    everything = np.ones(truth.size, dtype=bool)
    return {
        "clean": mail.accuracy(honest, everything),
        "with_malice": mail.accuracy(given, everything),
        "taken_back": mail.accuracy(given, ~flagged[0][who]),
    }
