"""The outer side of the sandbox: start the launcher, watch it, and end it in time."""

from __future__ import annotations

import marshal
import os
import selectors
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from tune.errors import InputError, MetricError
from tune.safety.sandbox.syscalls import syscall_filter
from tune.safety.sandbox.watch import find_descendants, memory, others

MIB = 2**20
LEAST_MEMORY = 64 * MIB
"""The interpreter needs about half of it for itself."""

PATIENCE = 60.0
"""Seconds for the sandbox itself to come up or to be gone, however busy the machine."""

POLL = 0.05
"""Seconds between two looks at the clock and the memory."""

LAUNCHER = Path(__file__).with_name("launcher.py")
FLAGS = ("-s", "-P", "-S", "-B")
"""Like -I, but Python reads the environment, which we set. PYTHONHASHSEED there fixes the order of
sets, so that a program acts the same each time.
"""

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
)
"""Where interpreters and their libraries are."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a program may use.

    Attributes:
        seconds: by the clock. Then the program and all that it started are ended.
        cpu_seconds: processor time of each of its processes, a whole number.
        memory: bytes, for each process and for all of them together.
        disk: bytes, for each file and, with a file system for the program alone, for all together.
        processes: the most at a time, threads counted.
        output: bytes on stdout and stderr together.
    """

    seconds: float = 10.0
    cpu_seconds: int = 10
    memory: int = 512 * MIB
    disk: int = 64 * MIB
    processes: int = 32
    output: int = MIB

    def __post_init__(self) -> None:
        # Without this much memory the interpreter itself would not start.
        smallest = {"memory": LEAST_MEMORY, "output": 0}
        for each in fields(self):
            least = smallest.get(each.name, 1e-3)
            if not getattr(self, each.name) >= least:
                raise InputError(
                    f"sandbox: `{each.name} >= {least:g}` must hold, but got "
                    f"{getattr(self, each.name)!r}"
                )


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """The end of a program.

    Attributes:
        status: its exit status; negative if a signal ended it, as in `subprocess`.
        stdout: its output, at most `Limits.output` bytes. Bytes that are not UTF-8 are replaced.
        stderr: the same for its errors.
        seconds: by the clock, without the sandbox's own.
        limit: the name of the limit that ended it, or "". A program that was refused memory, files
            or processes may also end by itself, with its own error.
        unprotected: the protections that this machine lacks; see `tune.safety.sandbox`.
    """

    status: int
    stdout: str
    stderr: str
    seconds: float
    limit: str = ""
    unprotected: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True if the program ended by itself without an error."""
        return self.status == 0 and not self.limit


def run_python(
    source: str,
    *,
    limits: Limits | None = None,
    stdin: str = "",
    packages: bool = False,
) -> SandboxResult:
    """Run Python source in a sandbox, and wait for it. Many threads may do so at once.

    Args:
        source: the program. It has no arguments, and an empty folder as its home.
        limits: the most that it may use.
        stdin: the text that it can read there.
        packages: it may import the packages that are installed for this interpreter. Otherwise only
            the standard library.

    Raises:
        InputError: this system has no means to hold a program (Windows).
        MetricError: the sandbox could not be set up.
    """
    return run_in(_best_way(), source, limits=limits, stdin=stdin, packages=packages)


@lru_cache(maxsize=1)
def unprotected() -> tuple[str, ...]:
    """Return the protections that this machine lacks, as in `SandboxResult.unprotected`.

    They are found out by running a program once.

    Raises:
        InputError: this system cannot hold a program (Windows).
        MetricError: no program can be run at all.
    """
    return run_in(_best_way(), "pass").unprotected


@lru_cache(maxsize=1)
def _best_way() -> str:
    if sys.platform == "win32":
        raise InputError(
            "generated code is not run on Windows, which cannot hold it: use Linux, WSL or a "
            "container"
        )
    ways: list[str] = []
    if sys.platform == "linux":
        ways = ["root", "user"] if os.geteuid() == 0 else ["user"]
    # A kernel or a container may refuse namespaces, which only shows when they are tried.
    for way in ways:
        with suppress(MetricError):
            if run_in(way, "pass").ok:
                return way
    return "plain"


def run_in(
    way: str,
    source: str,
    *,
    limits: Limits | None = None,
    stdin: str = "",
    packages: bool = False,
) -> SandboxResult:
    """Run as `run_python` does, in one way: "root" or "user" with namespaces, or "plain"."""
    limits = limits or Limits()
    with _folder() as folder, ExitStack() as stack:
        order = _order(way, folder, limits, packages)
        (folder / "program.py").write_bytes(source.encode("utf-8", "surrogatepass"))
        (folder / "stdin").write_bytes(stdin.encode("utf-8", "surrogatepass"))
        given = stack.enter_context((folder / "stdin").open("rb"))
        reading, writing = os.pipe()
        report = stack.enter_context(open(reading, "rb", buffering=0))
        try:
            process = subprocess.Popen(
                [
                    sys.executable,
                    *FLAGS,
                    str(LAUNCHER),
                    marshal.dumps({**order, "report": writing}).hex(),
                ],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(writing,),
                cwd=folder,
                env={},
                start_new_session=True,
            )
        finally:
            os.close(writing)
        watched = _Watched(process, report, limits)
        try:
            watched.follow()
        finally:
            _end(process)
            watched.drain()
    return watched.outcome()


@dataclass(slots=True)
class _Watched:
    """A running launcher, with everything that it and its program have written."""

    process: subprocess.Popen[bytes]
    report: IO[bytes]
    limits: Limits
    said: dict[str, bytearray] = field(
        default_factory=lambda: {n: bytearray() for n in ("stdout", "stderr", "report")}
    )
    limit: str = ""
    began: float = field(default_factory=time.monotonic)
    started: bool = False
    seconds: float = 0.0

    def follow(self) -> None:
        """Wait until the program has ended, or must be ended."""
        with selectors.DefaultSelector() as selector:
            for name, pipe in self._pipes().items():
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, name)
            looked = self.began
            while not self.limit:
                for key, _ in selector.select(POLL):
                    if self._read(key.data, key.fileobj):  # type: ignore[arg-type]
                        continue
                    selector.unregister(key.fileobj)
                    if key.data == "report":
                        return
                now = time.monotonic()
                if now - looked >= POLL:
                    looked = now
                    self.limit = self._exceeded(now)

    def drain(self) -> None:
        """Read what is left in the pipes, without waiting for processes that still hold their other
        ends.
        """
        for name, pipe in self._pipes().items():
            while self._read(name, pipe):
                pass
            pipe.close()

    def _pipes(self) -> dict[str, IO[bytes]]:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        return {
            "stdout": self.process.stdout,
            "stderr": self.process.stderr,
            "report": self.report,
        }

    def _read(self, name: str, pipe: IO[bytes]) -> bool:
        """Take one piece. Return whether more may follow."""
        try:
            piece = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return False
        self.said[name] += piece
        if name == "report" and not self.started and piece:
            self.started, self.began = True, time.monotonic()
        elif name == "report" and piece:
            self.seconds = time.monotonic() - self.began
        over = len(self.said["stdout"]) + len(self.said["stderr"]) - self.limits.output
        if over > 0 and name != "report":
            del self.said[name][-over:]
            self.limit = self.limit or "output"
            return False
        return bool(piece)

    def _exceeded(self, now: float) -> str:
        """Return the limit that the program exceeds, or ""."""
        allowed = self.limits.seconds if self.started else PATIENCE
        if now - self.began > allowed:
            return "seconds"
        if not self.started:
            return ""
        pids = find_descendants(self.process.pid)
        # Two more: the keeper, and one that ends while another begins.
        if len(pids) > self.limits.processes + 2:
            return "processes"
        if memory(pids, self.limits.memory) > self.limits.memory:
            return "memory"
        return ""

    def outcome(self) -> SandboxResult:
        """Return how the program ended.

        Raises:
            MetricError: the sandbox could not be set up.
        """
        lines = {}
        for line in self.said["report"].decode("utf-8", "replace").splitlines():
            what, _, words = line.partition(" ")
            lines[what] = words
        if "error" in lines or "missing" not in lines:
            last = (
                self.said["stderr"]
                .decode("utf-8", "replace")
                .strip()
                .rpartition("\n")[2]
            )
            raise MetricError(
                "generated code cannot be run here: "
                f"{lines.get('error') or last or 'no sandbox came up'}"
            )
        status, cpu = lines.get("ended", f"{-signal.SIGKILL} 0").split()
        # A program that ignores SIGXCPU is killed a second later.
        killed = (
            int(status) == -signal.SIGKILL and float(cpu) >= self.limits.cpu_seconds
        )
        used_up = int(status) == -signal.SIGXCPU or killed
        limit = self.limit
        if not limit and used_up:
            limit = "cpu_seconds"
        return SandboxResult(
            status=int(status),
            stdout=self.said["stdout"].decode("utf-8", "replace"),
            stderr=self.said["stderr"].decode("utf-8", "replace"),
            seconds=self.seconds or time.monotonic() - self.began,
            limit=limit,
            unprotected=tuple(lines["missing"].split()),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the launcher end its program and itself; if it cannot any more, kill the group."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _order(way: str, folder: Path, limits: Limits, packages: bool) -> dict[str, Any]:
    """Return the order for the launcher; see its module."""
    python = os.path.realpath(sys.executable)
    paths = sysconfig.get_paths()
    libraries = []
    if packages:
        libraries = list(dict.fromkeys([paths["purelib"], paths["platlib"]]))
    plain = way == "plain"
    # With namespaces the program has its own root, where these are its names.
    work, program = "/sandbox", "/program.py"
    if plain:
        work, program = str(folder / "work"), str(folder / "program.py")
    # A new user, as in the way "root", has no other processes.
    counted = 0
    if way != "root":
        counted = others(own_namespace=way == "user")
    return {
        "way": way,
        "parent": os.getpid(),
        "folder": str(folder),
        "python": python,
        "library": os.path.realpath(paths["stdlib"]),
        "command": [python, *FLAGS],
        "source": str(folder / "program.py"),
        "program": program,
        "stage": str(folder / "work"),
        "work": work,
        "readable": _readable(python, paths, libraries),
        "filter": syscall_filter(os.uname().machine).hex(),
        "cpu_seconds": max(1, round(limits.cpu_seconds)),
        "memory": limits.memory,
        "disk": limits.disk,
        "processes": limits.processes,
        "others": counted,
        "environment": {
            "HOME": work,
            "TMPDIR": work,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONUTF8": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join(libraries),
            # An arena for each thread would use up the address space, which is limited.
            "MALLOC_ARENA_MAX": "1",
        },
    }


def _readable(python: str, paths: dict[str, str], libraries: list[str]) -> list[str]:
    """Return the files and folders that the interpreter needs, none within another."""
    own = [python, sys.base_prefix, sys.base_exec_prefix, paths["stdlib"], *libraries]
    wanted = [
        *SYSTEM,
        "/etc/ld.so.cache",
        "/etc/alternatives",
        *(os.path.realpath(path) for path in own),
    ]
    wanted = [
        path for path in dict.fromkeys(wanted) if path != "/" and os.path.exists(path)
    ]
    links = {path for path in wanted if os.path.islink(path)}
    # A folder is mounted with all below it. A link is recreated, so it covers nothing.
    folders = [path for path in wanted if path not in links]
    found = []
    for path in wanted:
        parents = (folder for folder in folders if folder != path)
        if not any(Path(path).is_relative_to(folder) for folder in parents):
            found.append(path)
    return found


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that is removed afterwards, whatever a program made of it.

    A user without rights can read it.
    """
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="tune-")))
    try:
        (folder / "work").mkdir(mode=0o700)
        folder.chmod(0o711)
        yield folder
    finally:
        with suppress(RecursionError):  # folders in folders in folders
            shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
                subprocess.run(
                    [*command, str(folder)], check=False, capture_output=True
                )
