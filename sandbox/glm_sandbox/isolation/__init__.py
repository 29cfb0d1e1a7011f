"""What holds a process of this machine back.

On Linux namespaces by bubblewrap, a syscall filter and cgroups, on macOS a Seatbelt profile. Does
not do: starting kernels (`kinds`).
"""
