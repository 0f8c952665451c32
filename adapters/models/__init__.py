"""Models behind `runtime.ports.ModelPort`: any provider, the offline assistant, a scripted one."""
