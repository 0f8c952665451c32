"""Who and what is there in the fake Telegram."""

BOT = 7_000_000_001
USERNAME = "nightdesk_test_bot"
TOKEN = f"{BOT}:AAtest-token-of-the-fake-Bot-API-00"
SECRET = "fake-secret-0123456789-abcdefghijklmnop"
ADA = 1_001
"""A person; a private chat with her has her number."""
BOB = 1_002
GROUP = -1_001_000_000_001
"""A supergroup."""
FORUM = -1_001_000_000_002
"""A supergroup with topics."""
BASIC = -5_001
"""A basic group, in which replies name no chain."""
TOPIC = 77
"""A topic of the forum."""
