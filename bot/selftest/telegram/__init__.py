"""A fake Bot API: strict about what it is asked, and able to fail as Telegram does."""
