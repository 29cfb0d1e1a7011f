"""Kind "docker": kernels in containers of a Docker engine on this machine."""
