"""One queue for each conversation: answered in order, conversations side by side."""
