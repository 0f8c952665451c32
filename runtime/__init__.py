"""The core: the values, ports and services that decide and remember. Standard library only."""
