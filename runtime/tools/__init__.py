"""Tools: what an agent can ask for, declared once, and run by one executor."""
