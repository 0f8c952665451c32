"""The program: command line, settings, wiring, lifecycle. It may import all and decides nothing."""
