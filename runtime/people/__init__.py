"""Who is who: the team of the file, of the chat and of linked accounts, and its first owner."""
