"""The inner side of the sandbox: a script that gives up its rights, then becomes the program.

    python -s -P -S -B launcher.py ORDER

    ways "root" and "user":  tune ── launcher ── keeper (first process of its namespaces) ── program
    way "plain":             tune ── launcher, which is the keeper ── program

This is one long file without imports of tune, because it starts for every judged answer, and where
no package can be found (-S, -P). ORDER comes from `tune.safety.sandbox.run`, as `marshal` in
hexadecimal. Results are lines on the descriptor `report`, which the program does not have:

- "missing network files" just before the program begins: the protections that could not be had;
- "ended -9 1.25": its exit status and its seconds of processor time;
- "error ...": it could not begin.

SIGTERM ends everything.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import marshal
import os
import resource
import signal
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    Order = dict[str, Any]

LIBC = ctypes.CDLL(None, use_errno=True)
LINUX = sys.platform == "linux"

# From linux/prctl.h.
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
# From linux/sched.h.
CLONE_NEWNS = 0x20000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 1 << 29
CLONE_NEWNET = 1 << 30
# From linux/mount.h and linux/fcntl.h.
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = (
    2,
    4,
    0x1000,
    0x4000,
    1 << 18,
    2,
)
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, AT_FDCWD, AT_RECURSIVE = 1, 2, 4, -100, 0x8000
# Numbers of system calls. The newer ones are the same on every machine.
MOUNT_SETATTR = 442
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
NOBODY_ELSE = 1 << 30
"""User ids from here on belong to nobody; with the process id added, to one sandbox alone."""


# --- the program


def become(order: Order, user: int | None) -> NoReturn:
    """Give up everything that the program shall not have, and run it."""
    # A session of its own: a signal to the program's group must not reach tune.
    os.setsid()
    if user is not None:
        # Groups first: without root's rights they could no longer be given up.
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    missing = [] if set_limits(order, user) else ["memory"]
    control(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The kernel takes a filter from an ordinary user only with this promise.
    control(PR_SET_NO_NEW_PRIVS, 1)
    plain = order["way"] == "plain"
    landlock = forbid_files(order) if plain else 0
    filtered = refuse_calls(bytes.fromhex(order["filter"]))
    if plain:
        missing += ["files"] * (not landlock) + ["network"] * (not filtered)
        # Root's processes are not counted, and only the later versions keep signals in.
        missing += ["processes"] * (
            user is None and (landlock < 6 or os.geteuid() == 0)
        )
    # Python ignores these two, and an ignored signal stays ignored in the program.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(order["work"])
    tell(order, " ".join(["missing", *missing]))
    os.execve(
        order["python"], [*order["command"], order["program"]], order["environment"]
    )


def set_limits(order: Order, user: int | None) -> bool:
    """Set the kernel's limits on each process. Return whether that on memory holds."""
    # The soft limit sends SIGXCPU, which says why; the hard one kills a second later.
    limit(resource.RLIMIT_CPU, order["cpu_seconds"], order["cpu_seconds"] + 1)
    limit(resource.RLIMIT_FSIZE, order["disk"])
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_NOFILE, 256)
    limit(resource.RLIMIT_STACK, 8 << 20)
    if LINUX:
        # The kernel counts all processes of a user together. A new user has no others.
        others = order["others"] if user is None else 0
        limit(resource.RLIMIT_NPROC, order["processes"] + others)
    try:
        limit(resource.RLIMIT_AS, order["memory"])
    except (OSError, ValueError):
        return False
    return LINUX


def limit(which: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; one that is lower already stays."""
    _, most = resource.getrlimit(which)
    if hard is None:
        hard = soft
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(which, (soft, hard))


def refuse_calls(steps: bytes) -> bool:
    """Put the filter of system calls in force. Return whether there is one."""
    if not (LINUX and steps):
        return False
    program = ctypes.create_string_buffer(steps, len(steps))
    # A struct sock_fprog: the number of instructions, and a pointer to them.
    fields = struct.pack("HxxxxxxQ", len(steps) // 8, ctypes.addressof(program))
    try:
        call(
            "prctl",
            PR_SET_SECCOMP,
            2,
            ctypes.create_string_buffer(fields, len(fields)),
            0,
            0,
        )
    except OSError:
        return False
    return True


def forbid_files(order: Order) -> int:
    """Use Landlock to allow only the interpreter's files and the folder. Return its version, 0 for
    none.
    """
    try:
        abi = syscall(LANDLOCK_CREATE, None, 0, 1) if LINUX else 0
    except OSError:
        abi = 0
    if not abi:
        return 0
    # Each version of Landlock added rights; bits that it does not know would be refused.
    every = (1 << (13 + (abi >= 2) + (abi >= 3) + (abi >= 5))) - 1
    execute, write, read, read_folder = 1, 2, 4, 8
    # Versions 4 and 6 can forbid TCP, too, and signals to processes outside.
    tcp = 3 if abi >= 4 else 0
    scopes = 3 if abi >= 6 else 0
    fields = struct.pack("QQQ", every, tcp, scopes)
    # The kernel wants exactly as many bytes as its version has fields.
    size = 24
    if abi < 6:
        size = 16
    if abi < 4:
        size = 8
    rules = syscall(LANDLOCK_CREATE, ctypes.create_string_buffer(fields, 24), size, 0)
    allowed = dict.fromkeys(order["readable"], execute | read | read_folder)
    allowed |= {order["program"]: read, order["work"]: every} | dict.fromkeys(
        DEVICES, read | write
    )
    for path, rights in allowed.items():
        with contextlib.suppress(FileNotFoundError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            # The kernel refuses rights on a file that only folders can have.
            possible = every if os.path.isdir(path) else execute | read | write
            rule = struct.pack("=Qi", rights & possible, place)
            syscall(
                LANDLOCK_ADD, rules, 1, ctypes.create_string_buffer(rule, len(rule)), 0
            )
            os.close(place)
    syscall(LANDLOCK_RESTRICT, rules, 0)
    return abi


# --- a file system of its own


def build_root(order: Order, owner: int) -> None:
    """Make a file system that holds what is readable and one empty folder, and step into it."""
    stage = order["stage"]
    call("unshare", CLONE_NEWNS)
    # Private: mounts made here must not appear outside.
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", stage, "tmpfs", MS_NOSUID, "size=1m,nr_inodes=1024,mode=755")
    for path in order["readable"]:
        bind(path, stage + path, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV)
    bind(
        order["source"],
        stage + order["program"],
        ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV,
    )
    for path in DEVICES:
        bind(path, stage + path, ATTR_NOSUID)
    work = order["work"]
    os.mkdir(stage + work)
    for name in ("/dev/shm", "/tmp"):
        with contextlib.suppress(FileExistsError):  # an interpreter may be there
            os.symlink(work, stage + name)
    # A tmpfs with a size limits all files of the program together; nr_inodes limits their number.
    size = f"size={order['disk']},nr_inodes=16384,mode=700,uid={owner},gid={owner}"
    mount("tmpfs", stage + work, "tmpfs", MS_NOSUID | MS_NODEV, size)
    protect(stage, ATTR_RDONLY, recursive=False)
    os.chdir(stage)
    # pivot_root(".", ".") stacks the new root over the old one, which is then unmounted; see
    # pivot_root(2). A chroot could be left again.
    syscall(PIVOT_ROOT[os.uname().machine], b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir("/")


def bind(source: str, target: str, attributes: int) -> None:
    """Show a file or folder at another place. A link is recreated; a missing file is left out."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif os.path.exists(source):
        write(target, "")
    else:
        return
    mount(source, target, None, MS_BIND | MS_REC)
    # A bind mount ignores the flags of mount(2); they must be set afterwards.
    protect(target, attributes, recursive=True)


def mount(
    source: str | None,
    target: str,
    kind: str | None,
    flags: int,
    data: str | None = None,
) -> None:
    """Call mount(2)."""
    texts: list[bytes | None] = []
    for text in (source, target, kind, data):
        texts.append(None if text is None else os.fsencode(text))
    call("mount", *texts[:3], ctypes.c_ulong(flags), texts[3])


def protect(path: str, attributes: int, *, recursive: bool) -> None:
    """Set attributes of a mount, or of all below it as well."""
    fields = struct.pack("QQQQ", attributes, 0, 0, 0)
    flags = AT_RECURSIVE if recursive else 0
    syscall(
        MOUNT_SETATTR,
        AT_FDCWD,
        os.fsencode(path),
        flags,
        ctypes.create_string_buffer(fields, 32),
        32,
    )


# --- keeping


def keep(order: Order, user: int | None, end: Callable[[int], None]) -> None:
    """Begin the program, wait for it, and report how it ended."""
    program = begin(order, lambda: become(order, user), end)
    while True:
        pid, status, usage = os.wait4(
            -1, 0
        )  # those that it leaves behind come here as well
        if pid == program:
            break
    tell(
        order,
        f"ended {os.waitstatus_to_exitcode(status)} {usage.ru_utime + usage.ru_stime}",
    )


def begin(order: Order, work: Callable[[], None], end: Callable[[int], None]) -> int:
    """Fork a process that does the work. SIGTERM, which was held back until now, ends it."""
    child = os.fork()
    if child:
        signal.signal(signal.SIGTERM, lambda *_: end(child))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    if not child:
        attempt(order, work)
    return child


def enter_namespaces(order: Order) -> int | None:
    """Enter the ways "root" and "user". Return the user that the program becomes, if it is another
    one.
    """
    # A new network namespace has no interface but a loopback that is down.
    shared = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC
    if order["way"] == "root":
        call("unshare", shared)
        # A user id for this sandbox alone, so that two of them cannot touch each other.
        return NOBODY_ELSE + os.getpid()
    user, group = os.getuid(), os.getgid()
    call("unshare", shared | CLONE_NEWUSER)
    for name, text in (
        # The kernel takes a gid_map from an ordinary user only after this.
        ("setgroups", "deny"),
        ("uid_map", f"1000 {user} 1"),
        ("gid_map", f"1000 {group} 1"),
    ):
        write(f"/proc/self/{name}", text)
    return None


def keep_in_namespaces(order: Order) -> None:
    """Wait for the keeper; whatever happens, with it all the others are gone."""
    user = enter_namespaces(order)

    def start() -> None:
        control(PR_SET_PDEATHSIG, signal.SIGKILL)
        owner = 1000 if user is None else user
        build_root(order, owner)
        control(PR_SET_DUMPABLE, 0)
        keep(order, user, kill)

    # The first process of a PID namespace takes all others with it when it ends.
    os.waitpid(begin(order, start, kill), 0)  # returns when its namespace is empty


def keep_plainly(order: Order) -> None:
    """Keep a program in the way "plain": adopt the processes that it leaves, and end them."""
    user = nobody_else(order) if os.geteuid() == 0 else None
    # Orphans below this process become its children, so that they can be found and ended.
    control(PR_SET_CHILD_SUBREAPER, 1)
    # Not dumpable: the program must not read this process through /proc or ptrace.
    control(PR_SET_DUMPABLE, 0)
    keep(order, user, kill_all)
    with contextlib.suppress(ChildProcessError):
        while True:
            kill_all()
            os.waitpid(-1, 0)


def nobody_else(order: Order) -> int | None:
    """Return a user who owns only the folder, if such a user could start the interpreter at all."""
    if not all(
        open_to_all(path)
        for path in (order["python"], order["library"], order["program"])
    ):
        return None
    user = NOBODY_ELSE + os.getpid()
    try:
        os.chown(order["work"], user, user)
    except OSError:  # a container that has no such user
        return None
    return user


def open_to_all(name: str, needed: int = 4) -> bool:
    """Return whether every user may reach and read a file or folder."""
    return bool(os.stat(name).st_mode & needed) and (
        name == "/" or open_to_all(os.path.dirname(name), 1)
    )


def kill(pid: int) -> None:
    """End a process, or, where there is no /proc to find its descendants in, its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if LINUX:
            os.kill(pid, signal.SIGKILL)
        else:
            os.killpg(pid, signal.SIGKILL)


def kill_all(child: int = 0) -> None:
    """End everything below this process that can be found, and at least its child."""
    for pid in descendants(os.getpid()) or [child] * bool(child):
        kill(pid)


def descendants(pid: int) -> list[int]:
    """Return the processes below one; none where there is no /proc."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    # /proc lists only direct children.
    for child in list(found):
        found += descendants(child)
    return found


# --- talking to the kernel and to tune


def call(name: str, *arguments: Any) -> int:
    """Call a function of the C library.

    Raises:
        OSError: it failed, or is not there.
    """
    function = getattr(LIBC, name, None)
    if function is None:
        raise OSError(errno.ENOSYS, f"{name}: {os.strerror(errno.ENOSYS)}")
    # ctypes would pass Python ints as 32-bit values; system calls take 64 bits.
    result: int = function(
        *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    )
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


syscall = functools.partial(call, "syscall")
"""Makes a system call, by its number, that the C library may not know."""


def control(option: int, value: int) -> None:
    """Call prctl(2), if the system has it."""
    if LINUX:
        call("prctl", option, value, 0, 0, 0)


def write(name: str, text: str) -> None:
    """Write a file, whole."""
    with open(name, "w", encoding="ascii") as file:
        file.write(text)


def tell(order: Order, line: str) -> None:
    """Report one line."""
    with contextlib.suppress(BrokenPipeError):
        os.write(
            order["report"],
            line.encode("utf-8", "replace").replace(b"\n", b" ") + b"\n",
        )


def attempt(order: Order, work: Callable[[], None]) -> NoReturn:
    """Do the work of a forked process, report a failure, and never return."""
    try:
        work()
    except (OSError, ValueError, KeyError) as error:
        tell(order, f"error {type(error).__name__}: {error}")
    finally:
        if os.getpid() == order["launcher"] and os.getppid() != order["parent"]:
            import shutil

            # Tune is gone, so no other process would remove the folder.
            shutil.rmtree(order["folder"], ignore_errors=True)
        os._exit(0)


def main() -> None:
    """See the top of this file."""
    order: Order = marshal.loads(bytes.fromhex(sys.argv[1])) | {"launcher": os.getpid()}

    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    os.umask(0o022)
    os.set_inheritable(order["report"], False)
    control(PR_SET_PDEATHSIG, signal.SIGTERM)
    # If the machine runs out of memory, the kernel ends this process first.
    with contextlib.suppress(OSError):
        write("/proc/self/oom_score_adj", "1000")
    # Otherwise tune died before this process could ask to die with it.
    if os.getppid() == order["parent"]:
        ways = {"plain": keep_plainly}
        keeper = ways.get(order["way"], keep_in_namespaces)
        attempt(order, lambda: keeper(order))


if __name__ == "__main__":
    main()
