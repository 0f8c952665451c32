"""The processes that are measured, one module each; a server takes orders on standard input."""
