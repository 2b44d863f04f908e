"""Ten thousand lessons of generated mail, folded: what every machine must get the same bits from.

`python -m tests.ten_thousand_lessons` prints the two digests that are expected below. The fingerprint is taken over
from there when the recipe's version or that of the features changes, the digest of the mail when its generator does.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from triage_cl.learning.hashing import describe
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import DEFAULT_RECIPE, find_recipe
from triage_cl.synthesis.labelled_mail import short_mail

LESSONS = 10_000
KEY = b"a key of thirty-two bytes or so."

#: SHA-256 of the mail as it is generated, and the learner's fingerprint after it.
MAIL = "71c6c590fce3ee1b6b19e598f665c175e081bb01219351f01b405fb02d0b0145"
FINGERPRINT = "fd4a397ad1c0eb4f0d9c13a4eb354a343e2ca15548687cc00da2777bd370c3b0"

Lesson = tuple[dict[str, str], str]


def lessons() -> list[Lesson]:
    """Texts by namespace, with their departments."""
    return [
        ({"sender": mail.sender, "subject": mail.subject, "body": mail.body, "thread": mail.thread}, mail.label)
        for mail in short_mail(seed=11, mails=LESSONS)
    ]


def digest_of(stream: list[Lesson]) -> str:
    """Of the mail alone, so that a failure says whether the mail or the learner is another one."""
    return hashlib.sha256(json.dumps(stream).encode()).hexdigest()


def folded(stream: list[Lesson]) -> Learner:
    """The default recipe's learner after these lessons, every third of which measures with a weight of its own."""
    learner = Learner(find_recipe(DEFAULT_RECIPE), KEY)
    for position, (text, department) in enumerate(stream, start=1):
        weight = (position % 5 + 1.0) if position % 3 == 0 else 0.0
        learner.learn(position, describe(KEY, text), department, weight)
    return learner


def folded_in_company(stream: list[Lesson], threads: int) -> Iterator[Learner]:
    """As many learners, each folded on a thread of its own while the others are."""
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(folded, [stream] * threads)


def main(threads: int) -> None:
    """Print what came out: the digest of the mail, and the fingerprint of each thread's learner."""
    stream = lessons()
    fingerprints = sorted({learner.fingerprint() for learner in folded_in_company(stream, threads)})
    sys.stdout.write(json.dumps({"mail": digest_of(stream), "fingerprints": fingerprints}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
