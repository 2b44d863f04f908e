"""`triage bench learner`: the online learner beside those that others would take, same mail, same run."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, console, print_table, write_json

if TYPE_CHECKING:
    from triage_cl.adapters.learner_race import Mails, Timed
    from triage_cl.domain.emails import Message

#: The longest that one contestant may take for one round of learning, and for one of predicting.
SECONDS = 3.0
SEED = 0


def plug_into(commands: typer.Typer) -> None:
    """Add the command to `triage bench`."""
    commands.command()(learner)


def learner(
    mail: Annotated[Path | None, typer.Option(help="A labelled mail archive in place of generated mail.")] = None,
    mails: Annotated[int, typer.Option(min=100, help="How many of them, the oldest first.")] = 5_000,
    json: Json = None,
) -> None:
    """Speed and progressive accuracy of the online learner beside River's, scikit-learn's and Vowpal Wabbit.

    Generated mail has twenty topics. Who is too slow for all of it is measured on what it could do.
    """
    from triage_cl.adapters.calibrator import calibrate
    from triage_cl.bootstrap import bootstrap

    out = console(stderr=True)
    stream = _stream(mail, mails)
    out.print(f"{len(stream.texts):,} mails, {len(set(stream.labels))} classes; this takes some minutes …")
    result = _measured(stream) | {"calibration": calibrate(bootstrap().home)}
    if not write_json(result, json):
        _print(result)


def _stream(archive: Path | None, count: int) -> "Mails":
    """The mail as the product keeps it: redacted, the sender a pseudonym."""
    from triage_cl.adapters.learner_race import Mails
    from triage_cl.domain.errors import BadInput
    from triage_cl.privacy.keys import Keys
    from triage_cl.usecases.learn import text_of
    from triage_cl.usecases.receive import receive

    messages = [one for one in (_read(archive) if archive else _generated(count)) if one.department][:count]
    if len({message.department for message in messages}) < 2:
        raise BadInput(f"{archive} has no labelled mail of two departments or more.")
    keys, now = Keys.from_seed(SEED), datetime.now(UTC)
    texts = [text_of(receive(message, keys, now)) for message in messages]
    return Mails(texts, [str(message.department) for message in messages])


def _read(archive: Path) -> "list[Message]":
    from triage_cl.adapters.mail.archive import ordered, read_archive
    from triage_cl.usecases.backtest_outcome import readable

    return ordered(readable(read_archive(archive))[0])


def _generated(count: int) -> "Iterator[Message]":
    from triage_cl.domain.emails import Message
    from triage_cl.synthesis.labelled_mail import long_mail

    for number, one in enumerate(long_mail(SEED, count)):
        yield Message("generated", f"{number}", one.sender, one.subject, one.body, department=one.label)


def _measured(stream: "Mails") -> dict[str, Any]:
    from triage_cl.adapters.learner_peers import ALONE, IN_BATCHES, OURS, PEERS
    from triage_cl.adapters.learner_race import p99_seconds, race

    here = [peer for peer in PEERS if peer.installed]
    timed = race([*OURS, *here], stream, SECONDS)
    alone, batches = timed[ALONE.name], timed[IN_BATCHES.name]
    return {
        "rows": [_row(name, one, alone.right) for name, one in timed.items()],
        "ratios": {peer.name: _ratio(timed[peer.name], batches, alone) for peer in here},
        "ratios_of": {"predict": IN_BATCHES.name, "predict_and_learn": ALONE.name},
        "not_installed": [peer.name for peer in PEERS if not peer.installed],
        "p99_ms": round(1_000 * p99_seconds(stream), 3),
        "mails": len(stream.texts),
        "classes": len(set(stream.labels)),
    }


def _row(name: str, timed: "Timed", ours: Sequence[bool]) -> dict[str, Any]:
    done = len(timed.right)
    return {
        "name": name,
        "predict_per_second": round(timed.predict_per_second, 1),
        "predict_and_learn_per_second": round(timed.predict_and_learn_per_second, 1),
        "accuracy": round(sum(timed.right) / done, 4),
        "mails": done,
        "accuracy_of_ours": round(sum(ours[:done]) / len(ours[:done]), 4),
    }


def _ratio(peer: "Timed", batches: "Timed", alone: "Timed") -> dict[str, float]:
    return {
        "predict": round(batches.predict_per_second / peer.predict_per_second, 2),
        "predict_and_learn": round(alone.predict_and_learn_per_second / peer.predict_and_learn_per_second, 2),
    }


def _print(result: dict[str, Any]) -> None:
    rows = [(row["name"], *_figures(row, result["ratios"].get(row["name"]))) for row in result["rows"]]
    rows += [(name, "not installed: left out", *[""] * 4) for name in result["not_installed"]]
    header = ("", "predict/s", "+ learn/s", "right", "of first", "ours is faster")
    print_table(f"{result['mails']:,} mails, {result['classes']} classes, best of three", rows, header)
    p99, cpu = result["p99_ms"], result["calibration"]["cpu_loops_per_second"]
    console().print(f"One prediction of ours: 99 % within {p99:g} ms. This machine now: {cpu:,.0f} CPU loops a second.")


def _figures(row: dict[str, Any], ratio: dict[str, float] | None) -> Iterator[str]:
    for name in ("predict_per_second", "predict_and_learn_per_second"):
        yield f"{row[name]:,.0f}"
    yield f"{row['accuracy']:.1%}"
    yield f"{row['mails']:,}"
    yield f"{ratio['predict']:.1f}, {ratio['predict_and_learn']:.1f} times" if ratio else ""
