"""The work of the commands: packing, deploying, calling Lifecycle, running a job on this machine."""
