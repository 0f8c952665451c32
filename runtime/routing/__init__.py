"""Which model answers: what a turn needs, what each can and costs, and what is tried next."""
