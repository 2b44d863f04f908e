"""The supervisor of the whole stack: what it starts when, what it brings back, and that nothing is left behind."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from tests.builders import NOON
from triage_cl.adapters.processes import free_port, start, stop
from triage_cl.adapters.supervision.condition import Condition, Health, due
from triage_cl.adapters.supervision.conductor import Conditions, conduct, is_well
from triage_cl.adapters.supervision.ports import PortTaken, check_ports
from triage_cl.adapters.supervision.program import Program
from triage_cl.adapters.supervision.programs import chosen, programs, steps
from triage_cl.adapters.supervision.supervisor import AlreadyUp, Sight, Supervisor, SupervisorGone
from triage_cl.cli.up_screen import in_words
from triage_cl.domain.errors import BadInput
from triage_cl.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]

#: Answers 200 to everything; on SIGTERM it notes its name in the file `stopped`. argv: port, name, "stubborn"?
SERVER = """
import http.server, signal, sys, threading
port, name, manner = int(sys.argv[1]), sys.argv[2], sys.argv[3]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(name.encode())
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
def end(*_):
    with open("stopped", "a") as file: file.write(name + "\\n")
    threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, signal.SIG_IGN if manner == "stubborn" else end)
server.serve_forever()
"""


def a_server(name: str, manner: str = "", **more: object) -> Program:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-c", SERVER, str(port), name, manner)
    return replace(Program(name, "a test", command, url, f"{url}/health", name), **more)  # type: ignore[arg-type]


def a_step(name: str, code: str, **more: object) -> Program:
    return replace(Program(name, "a test", (sys.executable, "-c", code), once=True), **more)  # type: ignore[arg-type]


def wait_until(holds: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Running:
    """A stack of small programs in this process, looked after by a thread."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.conditions: Conditions = {}
        self.error: Exception | None = None
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._conduct)
        self.thread.start()

    def _conduct(self) -> None:
        try:
            conduct(self.supervisor, self.supervisor.programs, self._show, self.ends)
        except SupervisorGone as error:
            self.error = error

    def _show(self, conditions: Conditions) -> None:
        self.conditions = dict(conditions)

    def well(self, *names: str) -> bool:
        return bool(self.conditions) and all(self.conditions[name].well for name in names or self.conditions)

    @property
    def processes(self) -> list[psutil.Process]:
        keeper = psutil.Process(self.supervisor.process.pid)
        return [keeper, *keeper.children(recursive=True)]

    def of(self, program: Program) -> list[psutil.Process]:
        """The program's keeper, its watcher, and the program itself."""
        keeper = psutil.Process(self.supervisor.sights()[program.name].pid)
        watcher, kept = sorted(keeper.children(), key=lambda child: child.cmdline() == list(program.command))
        return [keeper, watcher, kept]


@contextmanager
def running(folder: Path, *table: Program) -> Iterator[Running]:
    with Supervisor(table, folder / "up", folder / "logs", folder, os.environ) as supervisor:
        stack = Running(supervisor)
        try:
            yield stack
        finally:
            stack.ends.set()
            stack.thread.join()


@pytest.mark.parametrize("victim", [0, 1, 2], ids=["its keeper", "its watcher", "itself"])
def test_a_program_that_is_killed_is_brought_back(tmp_path: Path, victim: int) -> None:
    server = a_server("server")
    with running(tmp_path, server) as stack:
        wait_until(stack.well)
        before = stack.of(server)
        before[victim].kill()
        wait_until(lambda: all(gone(process.pid) for process in before))
        wait_until(lambda: stack.well() and stack.conditions["server"].restarts == 1)
        assert is_well(server.health, "server")


def test_everything_ends_with_the_block(tmp_path: Path) -> None:
    with running(tmp_path, a_server("one"), a_server("two")) as stack:
        wait_until(stack.well)
        processes = stack.processes
    assert len(processes) == 3 + 2 * 3
    assert all(gone(process.pid) for process in processes)


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, a_server("one"), a_server("two")) as stack:
        wait_until(stack.well)
        processes = stack.processes
        (supervisord,) = [one for one in processes if "supervisor.supervisord" in one.cmdline()[1:3]]
        supervisord.kill()
        wait_until(lambda: all(gone(process.pid) for process in processes))
        stack.thread.join()
        assert isinstance(stack.error, SupervisorGone)


def test_nothing_outlives_whoever_started_the_supervisor(tmp_path: Path) -> None:
    server = a_server("server")
    program = (
        "import os, threading\n"
        "from pathlib import Path\n"
        "from triage_cl.adapters.supervision.conductor import conduct\n"
        "from triage_cl.adapters.supervision.program import Program\n"
        "from triage_cl.adapters.supervision.supervisor import Supervisor\n"
        f"table = [Program('server', 'a test', {server.command!r}, {server.url!r}, {server.health!r})]\n"
        "with Supervisor(table, Path('up'), Path('logs'), Path('.'), os.environ) as supervisor:\n"
        "    conduct(supervisor, table, lambda _: None, threading.Event())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path) as starter:
        wait_until(lambda: is_well(server.health) or starter.poll() is not None)
        started = psutil.Process(starter.pid).children(recursive=True)
        starter.kill()
    wait_until(lambda: all(gone(process.pid) for process in started))
    assert len(started) == 3 + 3


def test_backends_stop_last(tmp_path: Path) -> None:
    with running(tmp_path, a_server("store", backend=True), a_server("user")) as stack:
        wait_until(stack.well)
    assert (tmp_path / "stopped").read_text().split() == ["user", "store"]


def test_a_program_that_does_not_want_to_stop_is_stopped_all_the_same(tmp_path: Path) -> None:
    with running(tmp_path, a_server("mule", "stubborn"), a_server("ox", "stubborn", backend=True)) as stack:
        wait_until(stack.well)
        processes = stack.processes
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 20
    wait_until(lambda: all(gone(process.pid) for process in processes))


def test_a_program_starts_when_those_before_it_are_well(tmp_path: Path) -> None:
    first = a_step("first", "import time; time.sleep(1); open('made', 'w').close()")
    second = a_step("second", "import os, sys; sys.exit(not os.path.exists('made'))", after=("first",))
    with running(tmp_path, second, first) as stack:
        wait_until(stack.well)
        assert [stack.conditions[name].runs for name in ("first", "second")] == [1, 1]


def test_a_step_that_fails_is_tried_again_until_it_is_done(tmp_path: Path) -> None:
    step = a_step(
        "step", "import os, sys; done = os.path.exists('tried'); open('tried', 'w').close(); sys.exit(not done)"
    )
    with running(tmp_path, step, a_server("server", after=("step",))) as stack:
        wait_until(lambda: stack.conditions and stack.conditions["step"].health is Health.ENDED)
        assert stack.conditions["server"].health is Health.WAITING
        wait_until(stack.well)


def test_what_a_program_prints_is_in_its_log(tmp_path: Path) -> None:
    with running(tmp_path, a_step("speaker", "import sys; print('aloud'); print('aside', file=sys.stderr)")) as stack:
        wait_until(stack.well)
        wait_until(lambda: sorted((tmp_path / "logs" / "speaker.log").read_text().split()) == ["aloud", "aside"])


@pytest.mark.parametrize("name", ["a folder with 100% of what hurts; # ' \"", "long" * 40])
def test_the_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with running(folder, a_server("server")) as stack:
        wait_until(stack.well)


def test_a_data_folder_has_one_stack_at_a_time(tmp_path: Path) -> None:
    with (
        running(tmp_path, a_server("one")),
        pytest.raises(AlreadyUp, match=str(tmp_path)),
        running(tmp_path, a_server("other")),
    ):
        pass


def test_a_taken_port_is_named_with_who_has_it_before_anything_starts(tmp_path: Path) -> None:
    server = a_server("server")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port or 0))
        taken.listen()
        with (
            pytest.raises(PortTaken, match=rf"{server.port} \(server\) by .*process {os.getpid()}"),
            running(tmp_path, server),
        ):
            pass
    assert not (tmp_path / "logs" / "supervisord.log").exists()


def test_two_programs_on_one_port_are_named() -> None:
    one, other = a_server("one"), a_server("other")
    with pytest.raises(PortTaken, match="one and other are both"):
        check_ports([one, replace(other, url=one.url)])


def the_settings(home: Path = Path("data"), **given: object) -> Settings:
    return load_settings(home=home, **given)


def names(table: list[Program]) -> list[str]:
    return [program.name for program in table]


def test_the_table_has_every_part_of_the_stack() -> None:
    everything = ["label-studio", "prefect", "mlflow", "evidently", "flows", "service", "receiver", "console"]
    assert names(programs(the_settings())) == everything
    assert names(programs(the_settings(), demo=True)) == [*everything, "feeder"]


def test_what_is_elsewhere_is_not_run_here() -> None:
    elsewhere = the_settings(
        label_studio_url="https://review.example.org",
        prefect_api_url="http://prefect.example.org:4200/api",
        mlflow_tracking_uri="http://mlflow.example.org",
    )
    assert not {"label-studio", "prefect", "mlflow"} & {*names(programs(elsewhere))}
    assert "mlflow" not in names(programs(the_settings(registry="folder")))
    assert "console" not in names(programs(the_settings(console_url="")))


def test_projects_are_set_up_where_reviews_are_in_label_studio() -> None:
    assert names(steps(the_settings())) == ["champion"]
    assert names(steps(the_settings(reviews="label-studio"))) == ["champion", "projects"]


def test_a_champion_that_is_there_is_not_waited_for() -> None:
    assert names(steps(the_settings(reviews="label-studio"), champion=True)) == ["projects"]


def test_some_programs_can_be_chosen_or_left_out() -> None:
    table = programs(the_settings())
    assert names(chosen(table, only=["mlflow", "prefect"])) == ["prefect", "mlflow"]
    assert "prefect" not in names(chosen(table, without=["prefect"]))
    with pytest.raises(BadInput, match=r"called cron; there are label-studio, .*console"):
        chosen(table, only=["prefect", "cron"])
    with pytest.raises(BadInput, match="No program is left"):
        chosen(table, only=["prefect"], without=["prefect"])


RUNNING = Sight("RUNNING", 7, 0)


def test_a_program_with_a_page_is_well_while_that_answers() -> None:
    program = Program("one", "", (), "http://127.0.0.1:1", "http://127.0.0.1:1/health")
    later = NOON + timedelta(seconds=9)
    started = Condition(Health.WAITING, NOON).begin(NOON)
    well = started.seen(program, Sight("STARTING", 7, 0), True, later)
    assert (well.health, well.since, well.first_well) == (Health.WELL, later, later)
    assert well.seen(program, RUNNING, True, later + timedelta(1)).since == later
    assert well.seen(program, Sight("RUNNING", 8, 0), True, later + timedelta(1)).since == later + timedelta(1)
    assert well.seen(program, RUNNING, False, later).health is Health.SILENT
    assert well.seen(program, Sight("BACKOFF", 0, 3), False, later).health is Health.ENDED
    again = well.seen(program, Sight("STARTING", 8, 0), False, later)
    assert (again.health, again.restarts, again.first_well) == (Health.STARTING, 1, later)


def test_a_program_that_others_tell_of_has_to_run_for_a_while_too() -> None:
    program = Program("one", "", (), health="http://127.0.0.1:1/of/another")
    started = Condition(Health.WAITING, NOON).begin(NOON)
    assert started.seen(program, Sight("STARTING", 7, 0), True, NOON).health is Health.STARTING
    assert started.seen(program, RUNNING, True, NOON).health is Health.WELL


def test_nothing_is_said_of_a_program_before_its_turn() -> None:
    waiting = Condition(Health.WAITING, NOON)
    assert waiting.seen(Program("one", "", ()), Sight("STOPPED", 0, 0), False, NOON).health is Health.WAITING


def test_a_step_that_failed_is_due_again_after_a_while() -> None:
    step = Program("step", "", (), once=True)
    failed = Condition(Health.WAITING, NOON).begin(NOON).seen(step, Sight("EXITED", 0, 1), False, NOON)
    assert due([step], {"step": failed}, NOON) == []
    assert due([step], {"step": failed}, NOON + timedelta(seconds=30)) == [step]


def test_the_state_is_told_in_words() -> None:
    program = Program("two", "", (), "http://127.0.0.1:1", "http://127.0.0.1:1/health", after=("one",))
    conditions = {"one": Condition(Health.STARTING, NOON), "two": Condition(Health.WAITING, NOON)}
    assert in_words(program, conditions, Path("logs")) == "waits for one"
    ended = {"two": Condition(Health.ENDED, NOON, exit_status=3)}
    assert "status 3" in in_words(program, ended, Path("logs"))
    assert "two.log" in in_words(program, ended, Path("logs"))


@contextmanager
def triage_up(home: Path, *options: str, **more: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """`triage up` on free ports over the folder `home`, and the JSON that it will write; stopped with the block."""
    ready, printed = home.with_suffix(".json"), home.with_suffix(".log")
    ready.unlink(missing_ok=True)
    urls = {
        f"TRIAGE_{name}_URL": f"http://127.0.0.1:{free_port()}"
        for name in ("LABEL_STUDIO", "SERVICE", "RECEIVER", "CONSOLE", "MLFLOW", "EVIDENTLY")
    }
    told = os.environ | urls | {"TRIAGE_HOME": str(home), "TRIAGE_REGISTRY": "folder"} | more
    command = [sys.executable, "-m", "triage_cl.cli", "up", "--json", str(ready), *options]
    process = start(command, ROOT, told, printed)
    try:
        yield process, ready
    finally:
        stop(process, 40)


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_runs_until_it_is_told_to_stop_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "data"
    with triage_up(home, "--only", "evidently") as (process, ready):
        wait_until(lambda: ready.exists() or process.poll() is not None, 180)
        (told,) = json.loads(ready.read_text())["programs"]
        assert told["name"] == "evidently"
        assert told["healthy"]
        started = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, number)
        assert process.wait(30) == 0
        wait_until(lambda: all(gone(one.pid) for one in started))


@pytest.mark.integration
def test_the_second_start_keeps_the_secrets_and_shows_them_no_more(tmp_path: Path) -> None:
    home, told = tmp_path / "data", []
    for _ in range(2):
        with triage_up(home, "--only", "evidently") as (process, ready):
            wait_until(lambda: ready.exists() or process.poll() is not None, 180)
        told.append((home.with_suffix(".log").read_text(), (home / "access").read_text(), (home / "key").read_text()))
    first, second = told
    assert first[1:] == second[1:]
    assert "How to get in" in first[0]
    assert second[0].count("How to get in") == 1
    assert "as before" in second[0]
    assert {oct((home / name).stat().st_mode & 0o777) for name in ("access", "key")} == {"0o600"}


@pytest.mark.integration
def test_no_secret_is_in_the_configuration_the_logs_or_a_command(tmp_path: Path) -> None:
    home = tmp_path / "data"
    with triage_up(home, "--only", "evidently") as (process, ready):
        wait_until(lambda: ready.exists() or process.poll() is not None, 180)
        secrets = json.loads((home / "access").read_text()).values()
        commands = [shlex.join(one.cmdline()) for one in psutil.Process(process.pid).children(recursive=True)]
        files = [
            path.read_text(errors="replace")
            for name in ("up", "logs")
            for path in (home / name).iterdir()
            if path.is_file()
        ]
    assert [secret for secret in secrets if any(secret in text for text in [*commands, *files])] == []
    assert (home / "up" / "supervisord.conf").stat().st_mode & 0o777 == 0o600


@contextmanager
def the_world() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy to the rest of the world, and the first words of whoever asked it for anything."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def listen() -> None:
            while True:
                try:
                    visitor, _ = door.accept()
                except OSError:
                    return
                with visitor:
                    visitor.settimeout(5)
                    asked.append(visitor.recv(200))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}", asked
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.integration
def test_the_servers_ask_nothing_of_the_rest_of_the_world(tmp_path: Path) -> None:
    with the_world() as (proxy, asked):
        through = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy)
        through |= {"no_proxy": "", "NO_PROXY": "", "TRIAGE_REGISTRY": "mlflow"}
        servers = "label-studio,prefect,mlflow,evidently"
        with triage_up(tmp_path / "data", "--only", servers, **through) as (process, ready):
            wait_until(lambda: ready.exists() or process.poll() is not None, 400)
            told = json.loads(ready.read_text())
    assert [one["name"] for one in told["programs"] if one["healthy"]] == servers.split(",")
    assert asked == []
