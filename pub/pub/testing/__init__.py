"""Fakes of Lifecycle and of jobs, which the gateway reaches over real sockets."""
