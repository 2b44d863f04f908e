"""The review queue in two JSON Lines files: tasks that were offered, answers that were given.

Answered in the terminal or by a simulated reviewer; every line is on disk before it is acknowledged. The tasks
hold redacted text only.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from triage_cl.usecases.review import Answer, ReviewTask


class JsonlReviews:
    """A folder with `tasks.jsonl` and `answers.jsonl`; one writer of each at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read = 0

    @property
    def _tasks(self) -> Path:
        return self.folder / "tasks.jsonl"

    @property
    def _answers(self) -> Path:
        return self.folder / "answers.jsonl"

    def publish(self, tasks: Sequence[ReviewTask]) -> Mapping[str, str]:
        """Offer tasks, each mail once; a mail's task is named by its id."""
        offered = {task.email_id for task in self.tasks()}
        _append(self._tasks, [asdict(task) for task in tasks if task.email_id not in offered])
        return {task.email_id: task.email_id for task in tasks}

    def refresh(self, tasks: Mapping[str, ReviewTask]) -> None:
        """Show other suggestions in tasks that were offered: what is written last is shown."""
        _append(self._tasks, [asdict(task) for task in tasks.values()])

    def archive(self, task_ids: Sequence[str]) -> None:
        """Nothing to do: an answered task is not shown again."""

    def tasks(self) -> list[ReviewTask]:
        """Every task ever offered, in the order of offering, as it is shown now."""
        offered = {}
        for row, _ in _rows(self._tasks, 0):
            read = {"received_at": datetime.fromisoformat(row["received_at"]), "reasons": tuple(row.get("reasons", ()))}
            offered[row["email_id"]] = ReviewTask(**row | read)
        return list(offered.values())

    def open_tasks(self) -> list[ReviewTask]:
        """Tasks without an answer, most urgent first."""
        answered = {row["email_id"] for row, _ in _rows(self._answers, 0)}
        return sorted((task for task in self.tasks() if task.email_id not in answered), key=lambda task: task.priority)

    def give(self, answers: Sequence[Answer]) -> int:
        """Leave answers for the ledger; how many were not there yet."""
        given = {row["answer_id"] for row, _ in _rows(self._answers, 0)}
        new = [answer for answer in answers if answer.answer_id not in given]
        _append(self._answers, [asdict(answer) for answer in new])
        return len(new)

    def answers(self) -> Iterator[Answer]:
        """Answers that this object has not handed over yet."""
        for row, end in _rows(self._answers, self._read):
            self._read = end
            read = {"answered_at": datetime.fromisoformat(row["answered_at"]), "flags": tuple(row.get("flags", ()))}
            yield Answer(**row | read)

    def acknowledge(self) -> None:
        """Nothing to do: whoever starts anew reads all answers again."""


def _append(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell() and not _ends_with_newline(file):
            # A process died while writing its last line; the line was never acknowledged.
            file.write(b"\n")
        file.write(b"".join(json.dumps(row, default=_iso, ensure_ascii=False).encode() + b"\n" for row in rows))
        file.flush()
        os.fsync(file.fileno())


def _ends_with_newline(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _iso(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is no JSON")


def _rows(path: Path, start: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Complete lines from a byte offset on, each with the offset of its end; a torn one is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                # Somebody is writing it; the next reader finds it whole.
                return
            start += len(line)
            try:
                yield json.loads(line), start
            except ValueError:
                continue
