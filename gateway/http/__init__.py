"""HTTP, for every platform and program that calls us: server, routes, what answers fast."""
