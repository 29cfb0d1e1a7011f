"""What holds a process of this machine back: a syscall filter, cgroups, namespaces by bubblewrap.

Linux only. Does not do: starting kernels (`kinds`).
"""
