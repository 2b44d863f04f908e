"""How fast an encoder is here and now: the cost that its recipe has."""

from time import perf_counter

from triage_cl.synthesis.stream import generate
from triage_cl.usecases.encode import Encoder

#: Seconds of measuring, and mails encoded together, as a busy service does.
SECONDS, TOGETHER = 3.0, 64


def mails_per_second(encoder: Encoder, seconds: float = SECONDS) -> float:
    """Invented mails (about 300 characters) that the encoder encodes in a second, in groups."""
    texts = [f"{line['subject']}\n{line['body']}" for line in generate(0, days=4).lines if "body" in line]
    groups = [texts[start : start + TOGETHER] for start in range(0, len(texts), TOGETHER)]
    encoder.encode(groups[0][:4])
    started, done = perf_counter(), 0
    while perf_counter() - started < seconds:
        encoder.encode(groups[done % len(groups)])
        done += 1
    return done * TOGETHER / (perf_counter() - started)
