"""One module at a time, without input or output."""
