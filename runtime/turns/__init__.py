"""A turn: from the messages that begin it, by models and tools, to the answer that ends it."""
