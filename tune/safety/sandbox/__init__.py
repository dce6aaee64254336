"""Run generated Python in a separate process with limits, without files, network or other
processes.

On Linux the program gets its own namespaces, as root and as an ordinary user. Its file system holds
the interpreter, read-only, and one empty folder as its home. It has no network and sees only its
own processes, so killing the first of them kills all. The kernel limits each process (processor
time, memory, file size, open files). The memory of all processes together is limited by watching.
System calls that lead around these limits are refused.

Most containers have no namespaces. There Landlock keeps files out of reach (but not their modes and
times), the same system call filter keeps the network away, and every descendant is found and
killed. All files of a program together then have no limit. Elsewhere (macOS) only the limits, the
clock, the folder, the empty environment and the process group remain.
`SandboxResult.unprotected` names
what this machine could not prevent:

- "files": it could read and change what this user can, and read the environment of this user's
  processes;
- "network": it could open connections;
- "processes": it could reach this user's other processes, or leave some behind;
- "memory": the memory of one process has no limit.

This stops what models write by mistake. It does not stop attackers who know the kernel: run their
code in a virtual machine. Windows is refused.
"""

from tune.safety.sandbox.run import Limits, SandboxResult, run_python, unprotected

__all__ = ["Limits", "SandboxResult", "run_python", "unprotected"]
