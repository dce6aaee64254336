"""Python that nobody has read is run here: in a process of its own, with limits, and with nothing
to reach.

On Linux the program has namespaces of its own, as root and as an ordinary user: a file system that
holds the interpreter, read-only, and one empty folder that is its home; no network; no process but
its own, so that killing the first of them kills all. Limits on each process (processor time,
memory, file size, open files) are the kernel's; that on the memory of all of them together is kept
by watching. System calls that lead around the limits are refused.

Where there are no namespaces (most containers), Landlock keeps files out of reach (their modes and
times aside), the same filter of system calls keeps the network so, and every descendant is looked
for and killed; but all of a program's files together have no limit then. Elsewhere (macOS) what is
left is the limits, the clock, the folder, the empty environment and the process group. What could
not be had is in `Outcome.unprotected`:

- "files": it could read and change what this user can, and read the environment of this user's
  processes;
- "network": it could open connections;
- "processes": it could reach this user's other processes, or leave some behind;
- "memory": nothing bounds the memory of one process.

This holds off what models write by mistake. It is no place for code of attackers who know the
kernel: give those a virtual machine. Windows is refused.
"""

from tune.safety.sandbox.run import Limits, Outcome, run_python, unprotected

__all__ = ["Limits", "Outcome", "run_python", "unprotected"]
