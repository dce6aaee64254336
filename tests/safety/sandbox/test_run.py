"""The sandbox against programs that do what they should not, in every way that this machine has to
hold them.
"""

from __future__ import annotations

import inspect
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tune.errors import InputError, MetricError
from tune.safety.sandbox import Limits, SandboxResult, run_python, unprotected
from tune.safety.sandbox.run import _best_way, _folder, run_in
from tune.safety.sandbox.watch import find_descendants

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere little can be held: run it on Linux"
)

MIB = 2**20
SHORT = Limits(
    seconds=8.0,
    cpu_seconds=4,
    memory=128 * MIB,
    disk=4 * MIB,
    processes=12,
    output=100_000,
)


def works(way: str) -> bool:
    try:
        return run_in(way, "pass").ok
    except MetricError:
        return False


WAYS = [way for way in ("root", "user", "plain") if works(way)]
ROOT = os.geteuid() == 0


@pytest.fixture(params=dict.fromkeys([WAYS[0], WAYS[-1]]) if WAYS else ())
def way(request: pytest.FixtureRequest) -> str:
    """The best way of this machine, and that which is left where there are no namespaces."""
    return str(request.param)


@pytest.fixture(params=WAYS)
def each_way(request: pytest.FixtureRequest) -> str:
    """Every way that this machine has."""
    return str(request.param)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the sandbox's folders are made: nothing else is there, and nothing of theirs stays."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def run(way: str, source: str, limits: Limits = SHORT, **more: Any) -> SandboxResult:
    before = set(
        find_descendants(os.getpid())
    )  # other tests may have left helpers of their own
    # One that goes on beyond its limits sleeps so long that the time limit of a test ends it.
    outcome = run_in(way, source, limits=limits, **more)
    assert list(Path(tempfile.gettempdir()).glob("tune-*")) == []
    assert set(find_descendants(os.getpid())) <= before
    return outcome


def token() -> str:
    return uuid.uuid4().hex[:12]


def named(mark: str) -> str:
    """Source that gives its process, and all that it forks, a name by which they are found."""
    return f"import ctypes, os, signal, sys, time\nctypes.CDLL(None).prctl(15, {mark.encode()!r})\n"


def alive(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == mark:
                found.append(path.parent.name)
        except OSError:
            continue
    return found


# --- what a program gets


def test_stdout_stderr_and_the_exit_status_come_back(way: str) -> None:
    outcome = run(
        way, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    )
    assert (outcome.status, outcome.stdout, outcome.stderr, outcome.limit) == (
        7,
        "out\n",
        "err\n",
        "",
    )
    assert not outcome.ok
    assert 0 < outcome.seconds < SHORT.seconds


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("pass", 0),
        ("raise SystemExit", 0),
        ("raise ValueError", 1),
        ("import os; os._exit(255)", 255),
        ("import os; os.kill(os.getpid(), 11)", -signal.SIGSEGV),
        ("import os; os.abort()", -signal.SIGABRT),
        ("def broken(:", 1),
        ("x = '\0'", 1),
        ("x = '\ud800'", 1),
    ],
)
def test_every_way_to_end_has_its_status(source: str, status: int) -> None:
    outcome = run(_best_way(), source)
    assert outcome.status == status
    assert outcome.ok == (status == 0)


def test_a_syntax_error_is_shown() -> None:
    assert "SyntaxError" in run(_best_way(), "def broken(:").stderr


def test_text_of_any_script_goes_in_and_out(way: str) -> None:
    outcome = run(way, "print('größer 😀', input())", stdin="читай\n")
    assert outcome.stdout == "größer 😀 читай\n"
    assert run(way, "import sys; sys.stdout.buffer.write(b'\\xff')").stdout == "\ufffd"


def test_without_stdin_there_is_nothing_to_read(way: str) -> None:
    outcome = run(way, "input()")
    assert outcome.status == 1
    assert "EOFError" in outcome.stderr


def test_its_home_is_an_empty_folder_of_its_own_which_goes_with_it(way: str) -> None:
    source = """
import os, tempfile
home = os.path.expanduser("~")
assert os.getcwd() == os.path.realpath(home) == tempfile.gettempdir(), (os.getcwd(), home)
assert os.listdir() == []
os.makedirs("a/b")
open("a/b/file", "w").write("x")
os.chmod("a", 0)
"""
    outcome = run(way, source)
    assert outcome.ok, outcome.stderr


def test_folders_in_folders_in_folders_are_cleaned_away_too() -> None:
    depth = sys.getrecursionlimit()
    with _folder() as made:
        inner = os.open(made, os.O_RDONLY)
        for _ in range(200):
            os.mkdir("d", dir_fd=inner)
            outer, inner = inner, os.open("d", os.O_RDONLY, dir_fd=inner)
            os.close(outer)
        os.close(inner)
        sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    sys.setrecursionlimit(depth)
    assert not made.exists()


def test_a_program_acts_the_same_each_time(way: str) -> None:
    source = "print(list({'one', 'two', 'three', 'four', 'five'}))"
    assert run(way, source).stdout == run(way, source).stdout


def test_threads_processes_and_temporary_files_work(way: str) -> None:
    source = f"""
import multiprocessing, subprocess, sys, tempfile, threading
def double(x): return 2 * x
threads = [threading.Thread(target=double, args=(i,)) for i in range(3)]
[t.start() for t in threads]; [t.join() for t in threads]
if {way != "plain"}:  # semaphores are files in a folder that all users share
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(double, range(5)) == [0, 2, 4, 6, 8]
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout == "1\\n"
"""
    outcome = run(way, source, Limits(seconds=10))
    assert outcome.ok, outcome.stderr


def test_installed_packages_are_there_only_when_asked_for() -> None:
    assert run(_best_way(), "import numpy").status == 1
    outcome = run(
        _best_way(),
        "import numpy; print(numpy.arange(3).sum())",
        Limits(memory=2048 * MIB),
        packages=True,
    )
    assert outcome.stdout == "3\n", outcome.stderr


# --- what a program must not have


def test_no_environment_is_inherited_and_none_can_be_read(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", "s3cret")
    source = """
import glob, os
print(dict(os.environ))
for path in glob.glob("/proc/[0-9]*/environ") + ["/proc/self/environ"]:
    try:
        print(open(path, "rb").read())
    except OSError:
        pass
"""
    with subprocess.Popen(["sleep", "20"], env={"PLANTED": "s3cret"}) as other:
        outcome = run_in(way, source, limits=SHORT)
        other.kill()
    assert outcome.ok
    assert "s3cret" not in outcome.stdout.partition("\n")[0]
    if "files" not in outcome.unprotected:
        assert "s3cret" not in outcome.stdout


def test_no_file_outside_can_be_read_changed_or_deleted(
    each_way: str, folder: Path
) -> None:
    at_home = Path.home() / f".canary-{token()}"
    canaries = [folder / "canary", at_home]
    source = f"""
import os, shutil
for path in {[str(path) for path in canaries]!r}:
    for act in (
        lambda: print(open(path).read()),
        lambda: open(path, "w").write("gone"),
        lambda: open(path, "a").write("gone"),
        lambda: os.truncate(path, 0),
        lambda: os.remove(path),
        lambda: os.rename(path, "mine"),
        lambda: os.link(path, "mine"),
        lambda: os.symlink("/", os.path.join(os.path.dirname(path), "link")),
        lambda: shutil.rmtree(os.path.dirname(path)),
        lambda: open(os.path.join(os.path.dirname(path), "new"), "w"),
    ):
        try:
            act()
        except OSError:
            pass
"""
    try:
        for path in canaries:
            path.write_text("alive")
        outcome = run_in(each_way, source, limits=SHORT)
        if "files" not in outcome.unprotected:
            assert outcome.ok, outcome.stderr
            assert "alive" not in outcome.stdout
            assert [path.read_text() for path in canaries] == ["alive", "alive"]
            assert {path.name for path in folder.iterdir()} == {"canary"}
            assert not (Path.home() / "new").exists()
    finally:
        at_home.unlink(missing_ok=True)


def test_the_interpreter_cannot_be_changed(way: str) -> None:
    source = "import os\ntry:\n    open(os.__file__, 'a')\nexcept OSError:\n    print('refused')"
    assert run(way, source).stdout == "refused\n"


def test_no_descriptor_is_inherited(way: str, folder: Path) -> None:
    (folder / "secret").write_text("s3cret")
    with (folder / "secret").open() as file:
        os.set_inheritable(file.fileno(), True)
        source = """
import os
for number in range(3, 200):
    try:
        print(number, os.read(number, 100))
    except OSError:
        pass
"""
        assert run_in(way, source, limits=SHORT).stdout == ""


def test_no_connection_can_be_made(each_way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        source = f"""
import socket
def stream():
    socket.create_connection(("127.0.0.1", {port}), timeout=1).sendall(b"hello")
def datagram():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", ("127.0.0.1", {port}))
def local():
    socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")
for act in (stream, datagram, local):
    try:
        act()
        print(act.__name__)
    except OSError:
        pass
one, other = socket.socketpair()
one.sendall(b"within"); print(other.recv(9))
"""
        outcome = run(each_way, source)
    if "network" not in outcome.unprotected:
        assert outcome.stdout == "b'within'\n", outcome.stderr


def test_other_processes_cannot_be_reached(way: str) -> None:
    with subprocess.Popen(["sleep", "20"]) as other:
        source = f"""
import os, signal
for pid in ({other.pid}, {os.getpid()}, os.getppid()):
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number) if pid != {os.getpid()} else os.kill(pid, 0)
            print("reached", pid)
        except OSError:
            pass
"""
        outcome = run_in(way, source, limits=SHORT)
        if "processes" not in outcome.unprotected:
            assert other.poll() is None
            assert f"reached {other.pid}" not in outcome.stdout
        other.kill()


def test_the_kernels_side_doors_are_shut(way: str) -> None:
    source = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.unshare(0x10000000), ctypes.get_errno() == errno.EPERM)
print(libc.mount(b"none", b"/", None, 32, None))
print(libc.ptrace(16, os.getppid(), 0, 0))
try:
    os.memfd_create("hoard")
except OSError as error:
    print(error.errno == errno.EPERM)
"""
    assert run(way, source).stdout == "-1 True\n-1\n-1\nTrue\n"


# --- limits


def test_a_program_that_sleeps_for_ever_is_ended_by_the_clock(way: str) -> None:
    mark = token()
    outcome = run(
        way,
        named(mark) + "print('begun', flush=True)\ntime.sleep(1000)",
        Limits(seconds=0.8),
    )
    assert (outcome.limit, outcome.status, outcome.stdout) == (
        "seconds",
        -signal.SIGKILL,
        "begun\n",
    )
    assert not outcome.ok
    assert alive(mark) == []


def test_signals_that_are_ignored_do_not_save_a_program(way: str) -> None:
    mark = token()
    source = (
        named(mark)
        + """
for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
try:
    os.kill(os.getppid(), signal.SIGTERM)
except OSError:
    pass
while True:
    time.sleep(0.1)
"""
    )
    assert run(way, source, Limits(seconds=0.3)).limit in ("seconds", "")
    assert alive(mark) == []


def test_a_busy_program_is_ended_by_its_processor_time() -> None:
    outcome = run(_best_way(), "while True: pass", Limits(seconds=20, cpu_seconds=1))
    assert outcome.limit == "cpu_seconds"
    assert outcome.seconds < 20


def test_a_memory_hog_gets_no_more_memory(way: str) -> None:
    outcome = run(
        way, "try:\n    x = bytearray(10**9)\nexcept MemoryError:\n    print('refused')"
    )
    assert outcome.stdout == "refused\n"


def test_a_memory_hog_of_many_processes_is_ended(way: str) -> None:
    mark = token()
    source = (
        named(mark)
        + """
for _ in range(3):
    if os.fork() == 0:
        x = bytearray(b"x") * 60_000_000
        time.sleep(1000)
time.sleep(1000)
"""
    )
    outcome = run(way, source, Limits(seconds=15, memory=100 * MIB))
    assert outcome.limit == "memory"
    assert alive(mark) == []


def test_a_huge_file_is_refused(way: str) -> None:
    source = """
try:
    with open("huge", "wb") as file:
        while True:
            file.write(bytes(2**20))
except OSError as error:
    print(error.strerror)
"""
    assert run(way, source).stdout == "File too large\n"


def test_many_large_files_fill_only_the_programs_own_disk(way: str) -> None:
    if way == "plain":
        pytest.skip(
            "without a file system of its own only each file has a limit: allow user namespaces "
            "here"
        )
    source = """
import errno
try:
    for number in range(100):
        open(str(number), "wb").write(bytes(2**20))
except OSError as error:
    print(number, error.errno == errno.ENOSPC)
"""
    assert run(way, source).stdout in ("3 True\n", "4 True\n")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output_ends_the_program(way: str, stream: str) -> None:
    # On a busy machine the start alone may take seconds.
    limits = replace(SHORT, seconds=60.0)
    source = f"import sys\nwhile True: print('x' * 1000, file=sys.{stream})"
    outcome = run(way, source, limits)
    assert outcome.limit == "output"
    assert len(outcome.stdout) + len(outcome.stderr) == SHORT.output
    assert not outcome.ok


def test_output_up_to_the_limit_is_whole(way: str) -> None:
    outcome = run(way, "print('x' * 99_999)")
    assert outcome.ok
    assert len(outcome.stdout) == 100_000


def test_a_program_that_closes_its_output_or_fills_a_pipe_of_its_own_does_not_hang(
    way: str,
) -> None:
    assert run(way, "import os; os.close(1); os.close(2); os._exit(5)").status == 5
    source = "import os\nr, w = os.pipe()\nwhile True: os.write(w, bytes(4096))"
    assert run(way, source, Limits(seconds=0.3)).limit == "seconds"


def test_only_so_many_processes_can_be_had(way: str) -> None:
    mark = token()
    # At most 200 that sleep, also where nothing refuses them.
    source = (
        named(mark)
        + """
had = 0
for _ in range(200):
    try:
        pid = os.fork()
    except OSError:
        break
    if pid == 0:
        time.sleep(1000)
        os._exit(0)
    had += 1
time.sleep(0.3)
print(had)
"""
    )
    outcome = run(way, source, Limits(seconds=15, processes=12))
    assert outcome.limit == "processes" or 8 <= int(outcome.stdout) <= 12, outcome
    assert alive(mark) == []


def test_a_fork_bomb_is_held_and_nothing_of_it_is_left() -> None:
    if ROOT and _best_way() != "root":
        pytest.skip(
            "the kernel counts no processes of root: run as another user, or allow user namespaces"
        )
    mark = token()
    source = (
        named(mark)
        + """
print("begun", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    )
    outcome = run(_best_way(), source, Limits(seconds=0.8, processes=8))
    assert (outcome.limit, outcome.stdout) == ("seconds", "begun\n")
    assert alive(mark) == []


@pytest.mark.parametrize("ends", ["sys.exit(0)", "time.sleep(1000)"])
def test_children_that_detach_themselves_end_with_the_program(
    way: str, ends: str
) -> None:
    mark = token()
    source = (
        named(mark)
        + f"""
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid() if os.getpid() != os.getsid(0) else None
        os.chdir("/") if os.access("/", os.X_OK) else None
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for number in (0, 1, 2):
            os.close(number)
        time.sleep(1000)
    os._exit(0)
time.sleep(0.1)
print("left", flush=True)
{ends}
"""
    )
    outcome = run(way, source, Limits(seconds=10 if ends == "sys.exit(0)" else 1.0))
    assert outcome.stdout == "left\n", outcome.stderr
    assert outcome.ok == (ends == "sys.exit(0)")
    assert alive(mark) == []


def test_a_detached_child_that_holds_the_output_does_not_delay_the_end(
    way: str,
) -> None:
    source = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nprint('done')"
    outcome = run(way, source)
    assert outcome.ok
    assert outcome.seconds < SHORT.seconds


def test_when_tune_is_killed_the_program_goes_with_it(
    each_way: str, folder: Path
) -> None:
    mark = token()
    source = f"""
from tune.safety.sandbox.run import Limits, run_in
run_in({each_way!r}, {named(mark) + "time.sleep(60)"!r}, limits=Limits(seconds=60))
"""
    env = {
        "PYTHONPATH": str(Path(__file__).parent.parent.parent.parent),
        "TMPDIR": str(folder),
    }
    with subprocess.Popen([sys.executable, "-c", source], env=env) as tune:
        wait_until(lambda: alive(mark) != [])
        tune.kill()
    wait_until(lambda: alive(mark) == [] and list(folder.iterdir()) == [])


def wait_until(holds: Any) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- the whole


def test_many_at_a_time_from_threads_keep_apart() -> None:
    source = """
import os, time
assert os.listdir() == []
open("same", "w").write(input())
time.sleep(0.1)
print(open("same").read())
"""
    run_python("pass")
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda i: run_python(source, stdin=str(i)), range(8)))
    assert [outcome.stdout for outcome in outcomes] == [f"{i}\n" for i in range(8)]
    assert all(outcome.ok for outcome in outcomes)


def test_what_cannot_be_had_is_said(way: str) -> None:
    missing = run(way, "pass").unprotected
    assert set(missing) <= {"files", "network", "processes", "memory"}
    if way != "plain":
        assert missing == ()
    elif ROOT:
        assert set(missing) <= {"processes"} or "files" in missing
    assert run_in(_best_way(), "pass").unprotected == unprotected()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"cpu_seconds": -1}, "cpu_seconds"),
        ({"memory": 1000}, "memory"),
        ({"disk": 0}, "disk"),
        ({"processes": 0}, "processes"),
        ({"output": -1}, "output"),
    ],
)
def test_limits_that_cannot_be_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"`{words} >= "):
        Limits(**wrong)


def test_a_sandbox_that_does_not_come_up_is_an_error_and_no_score(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tune.safety.sandbox.run._readable", lambda *_: [])
    with pytest.raises(MetricError, match="cannot be run here"):
        run_in(_best_way(), "pass")


def test_windows_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    _best_way.cache_clear()
    try:
        with pytest.raises(InputError, match="Windows"):
            run_python("pass")
    finally:
        _best_way.cache_clear()
