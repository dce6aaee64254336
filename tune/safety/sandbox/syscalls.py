"""The system call filter of the sandbox, as a BPF program."""

from __future__ import annotations

import struct
from collections.abc import Iterable

CALLS: dict[str, tuple[int, int]] = {
    # Sockets; io_uring can open them too. `socketpair` reaches nobody outside, so it is allowed.
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    # Memory that the limit on the process does not count.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "mq_open": (240, 180),
    # Reading and changing other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    # New namespaces, in which the program would have more rights.
    "unshare": (272, 97),
    "setns": (308, 268),
    # Calls with many known kernel bugs, which no tested program needs.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    # The first versions of Landlock do not restrict it.
    "truncate": (76, 45),
}
"""What is refused with "not permitted", by its number on x86_64 and on aarch64."""

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_CLONE = (56, 220)
_CLONE3 = 435
_X32 = 0x40000000
_NEW_USER = 0x10000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_OF, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38


def syscall_filter(machine: str) -> bytes:
    """Return the filter for a machine as `os.uname` names it; empty if it is unknown."""
    if machine not in _MACHINES:
        return b""
    column, architecture = _MACHINES[machine]
    steps = [
        _step(_LOAD, _MACHINE_AT),
        # Numbers of system calls differ by architecture, and a program may switch to another one.
        _step(_EQUAL, architecture, yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        # The x32 ABI has the same calls under other numbers.
        *_refuse(_AT_LEAST, _X32, _EPERM),
        # Its flags lie in memory, where no filter can see them; without it, libraries fall back on
        # clone.
        *_refuse(_EQUAL, _CLONE3, _ENOSYS),
        *(
            step
            for numbers in CALLS.values()
            for step in _refuse(_EQUAL, numbers[column], _EPERM)
        ),
        # clone is needed for threads; only its flag for a new user namespace is refused.
        _step(_EQUAL, _CLONE[column], no=3),
        _step(_LOAD, _FIRST_ARGUMENT_AT),
        *_refuse(_ANY_OF, _NEW_USER, _EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)


def _refuse(test: int, value: int, errno: int) -> Iterable[bytes]:
    return _step(test, value, no=1), _step(_RETURN, _ERRNO | errno)


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Return one instruction: its code, its value, and how many instructions it then skips."""
    return struct.pack("=HBBI", code, yes, no, value)
