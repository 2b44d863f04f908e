"""`triage backtest`: what would have happened had it been deployed on this archive."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage_cl.cli.output import Json, console, print_table, progress_bar, write_json

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from triage_cl.domain.emails import Message
    from triage_cl.usecases.backtest import Backtest, Watch
    from triage_cl.usecases.backtest_outcome import Change, Options, Outcome
    from triage_cl.usecases.encode import Encoders


HOUR = 1 / 24
LONGEST_DAYS = 3_650


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(backtest)


def backtest(
    archive: Annotated[Path, typer.Argument(help="A labelled mail archive, .jsonl or .jsonl.gz.")],
    review_share: Annotated[float, typer.Option(help="The share of the mail that reviewers are asked about.")] = 0.1,
    reviews_per_day: Annotated[int | None, typer.Option(help="Reviews a day, in place of the share.")] = None,
    label_delay: Annotated[
        float | None, typer.Option(help="Days until an answer; 0 at once; unset: the archive's own times, else one.")
    ] = None,
    champion: Annotated[str, typer.Option(help="The recipe that acts first.")] = "hashed-ensemble",
    challenger: Annotated[str, typer.Option(help="The recipe that challenges it.")] = "tfidf-svm",
    retrain_every: Annotated[float, typer.Option(help="Days between challengers; 0: none.")] = 28,
    automatic_bar: Annotated[float, typer.Option(help="Confidence from which on mail goes automatically.")] = 0.9,
    seed: Annotated[int, typer.Option(help="The draws and keys derive from it.")] = 0,
    changes: Annotated[
        Path | None, typer.Option(help="JSON file of department changes, applied at their dates.")
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Fit simple rivals for comparison.")] = True,
    report: Annotated[Path | None, typer.Option(help="The HTML report; by default in the data folder.")] = None,
    strict: Annotated[bool, typer.Option(help="Stop at the first bad line.")] = False,
    timings: Annotated[str | None, typer.Option(help="Write seconds and mails a second as JSON.")] = None,
    json: Json = None,
) -> None:
    """Run the whole loop in simulated time over a labelled archive, and report what would have happened."""
    import time

    from triage_cl.adapters.html_report import write_backtest_report
    from triage_cl.adapters.mail.archive import read_archive
    from triage_cl.domain.errors import BadInput
    from triage_cl.settings import load_settings
    from triage_cl.usecases.backtest_outcome import readable
    from triage_cl.usecases.backtest_summary import summarise
    from triage_cl.usecases.backtest_tables import report_of

    if not archive.is_file():
        raise BadInput(f"{archive} is no file.")
    started = time.perf_counter()
    options = _options(
        review_share, reviews_per_day, label_delay, champion, challenger, retrain_every, automatic_bar, seed, changes
    )
    messages, unreadable = readable(read_archive(archive, strict))
    if not messages:
        raise BadInput(f"{archive} has no readable mail ({len(unreadable):,} bad lines).")
    outcome = _run(messages, options)
    outcome.unreadable = unreadable
    rivals = _baselines(messages) if baselines else {}
    result = summarise(outcome, options, rivals)
    seconds = time.perf_counter() - started
    write_json({"seconds": seconds, "mails_per_second": len(messages) / seconds}, timings)
    path = report or load_settings().home / "reports" / f"backtest-{archive.name.partition('.')[0]}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_backtest_report(report_of(archive.name, outcome, options, result), path)
    if not write_json(result, json):
        _print(result, archive, path)


def _options(
    share: float,
    per_day: int | None,
    delay: float | None,
    champion: str,
    challenger: str,
    retrain_every: float,
    automatic_bar: float,
    seed: int,
    changes: Path | None,
) -> "Options":
    from datetime import timedelta

    from triage_cl.domain.decisions import Bars
    from triage_cl.domain.errors import BadInput
    from triage_cl.domain.review import ReviewPolicy
    from triage_cl.learning.recipes import find_recipe
    from triage_cl.usecases.backtest_outcome import Options

    find_recipe(champion), find_recipe(challenger)
    if delay is not None and not 0 <= delay <= LONGEST_DAYS:
        raise BadInput(f"--label-delay must be from 0 to {LONGEST_DAYS} days, not negative.")
    if retrain_every != 0 and not HOUR <= retrain_every <= LONGEST_DAYS:
        raise BadInput(f"--retrain-every must be 0, or from an hour to {LONGEST_DAYS} days.")
    try:
        policy, bars = ReviewPolicy(share=share, per_day=per_day), Bars(automatic=automatic_bar)
    except ValueError as error:
        raise BadInput(f"{error}.") from None
    return Options(
        policy=policy,
        bars=bars,
        champion=champion,
        challenger=challenger,
        delay=None if delay is None else timedelta(days=delay),
        retrain_every=timedelta(days=retrain_every) if retrain_every else None,
        seed=seed,
        changes=_changes(changes),
    )


def _changes(path: Path | None) -> "tuple[Change, ...]":
    if path is None:
        return ()
    import json

    from triage_cl.domain.errors import BadInput
    from triage_cl.usecases.backtest_outcome import Change
    from triage_cl.usecases.changes import read_changes

    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {error}.") from None
    return tuple(Change(at, found) for at, found in read_changes(rows))


def _run(messages: "list[Message]", options: "Options") -> "Outcome":
    import tempfile

    from triage_cl.adapters.encoders.loading import encoders_in
    from triage_cl.adapters.folder_registry import FolderRegistry
    from triage_cl.adapters.sql.ledger import Ledger
    from triage_cl.adapters.sql.migrate import migrate
    from triage_cl.settings import load_settings
    from triage_cl.usecases.backtest import Backtest

    with tempfile.TemporaryDirectory(prefix="triage-backtest-") as folder, progress_bar() as bar:
        encoders = encoders_in(load_settings())
        ledger = Ledger(f"sqlite:///{folder}/ledger.db", durable=False, encoders=encoders)
        migrate(ledger.engine)
        task = bar.add_task("mails", total=len(messages))
        registry = FolderRegistry(Path(folder) / "registry")
        simulated = Backtest(ledger, registry, messages, options, _watch(options))
        try:
            _encode_ahead(simulated, encoders, bar)
            return simulated.run(lambda done, total: bar.update(task, completed=done))
        finally:
            ledger.close()


def _encode_ahead(simulated: "Backtest", encoders: "Encoders", bar: "Progress") -> None:
    """Answers come between any two mails, but what a mail says does not change: encoders get large batches."""

    def tell(task: "TaskID", done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    for kind in simulated.encoded:
        task = bar.add_task(f"{kind} vectors", total=None)
        encoders.remember(kind).prepare(simulated.texts(), partial(tell, task))


def _watch(options: "Options") -> "Watch":
    """Drift as production computes it, without Evidently's pages: nobody reads one a month of simulated time."""
    from triage_cl.adapters.drift_measures import measures, titled
    from triage_cl.usecases.watch import Windows, watch

    windows = (
        Windows(current=options.retrain_every, reference=options.retrain_every) if options.retrain_every else Windows()
    )
    return lambda ledger, desk, at: watch(
        ledger, desk, lambda before, after, at, html: measures(titled(before), titled(after)), windows, Path(), at
    )


def _baselines(messages: "list[Message]") -> dict[str, dict[str, float | None]]:
    from triage_cl.adapters.baselines import fitted_once, progressive_majority

    labelled = [(m.subject + "\n" + m.body, m.department) for m in messages if m.department is not None]
    truths = [department for _, department in labelled if department is not None]
    if not truths:
        return {}
    right = progressive_majority(truths)
    half = len(right) // 2
    svm = fitted_once([text for text, _ in labelled], truths)
    return {
        "always the most frequent department": {
            "all": round(sum(right) / len(right), 6),
            "second_half": round(sum(right[half:]) / max(1, len(right) - half), 6),
        },
        "TF-IDF and linear SVM, fitted once on all labels of the first half": {
            "all": None,
            "second_half": None if svm is None else round(svm, 6),
        },
    }


def _halves(told: dict[str, float | None], form: str) -> str:
    whole, half = ("–" if value is None else format(value, form) for value in (told["all"], told["second_half"]))
    return f"{whole}, second half {half}"


def _print(result: dict[str, Any], archive: Path, path: Path) -> None:
    estimate = result["estimate"]
    known = "too few answers"
    if estimate["point"] is not None:
        known = f"{estimate['point']:.1%} ({estimate['low']:.1%} to {estimate['high']:.1%})"
    rows = [
        ("mails", f"{result['decided']:,}"),
        ("quarantined", f"{result['quarantined']:,}"),
        ("reviewed", f"{result['reviewed']:,} ({result['review_share']:.1%})"),
        ("accuracy", _halves(result["accuracy"], ".1%")),
        ("  as the answers alone tell it", known),
        ("macro-F1", _halves(result["macro_f1"], ".3f")),
        ("calibration error", _halves(result["ece"], ".3f")),
        ("routed automatically", f"{result['automatic_share']:.1%}"),
        ("  of these right", "–" if result["automatic_accuracy"] is None else f"{result['automatic_accuracy']:.1%}"),
        ("promotions", str(sum(p["verdict"] == "promote" for p in result["promotions"]))),
    ]
    for name, scores in result["baselines"].items():
        told = ", ".join(f"{part.replace('_', ' ')} {value:.1%}" for part, value in scores.items() if value is not None)
        rows.append((name, told))
    print_table(f"Had triage been deployed on {archive.name}", rows)
    for promotion in result["promotions"]:
        console().print(
            f"{promotion['at'][:10]} {promotion['verdict']} {promotion['version']}: {promotion['reasons'][0]}"
        )
    console().print(f"Report: {path}")
