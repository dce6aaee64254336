"""The system call filter."""

from __future__ import annotations

from tune.safety.sandbox.syscalls import CALLS, syscall_filter


def test_the_filter_is_whole_instructions_and_known_machines_only() -> None:
    assert syscall_filter("riscv64") == b""
    for machine in ("x86_64", "aarch64"):
        steps = syscall_filter(machine)
        assert len(steps) % 8 == 0
        assert len(steps) // 8 == 13 + 2 * len(CALLS)
    assert len({numbers[0] for numbers in CALLS.values()}) == len(
        {numbers[1] for numbers in CALLS.values()}
    )
