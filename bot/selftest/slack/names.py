"""Who and what is there in the fake workspace."""

TEAM = "T0TEAM"
BOT = "U0BOT"
APP = "A0APP"
ADA = "U0ADA"
CHANNEL = "C0OPS"
DIRECT = "D0ADA"
TOKEN = "xoxb-test-token"
APP_TOKEN = "xapp-1-A0APP-test-token"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SCOPES = (
    "app_mentions:read,assistant:write,channels:history,channels:read,chat:write,commands,"
    "files:read,files:write,groups:history,groups:read,im:history,im:write,mpim:history"
)
"""What an app that was made from our manifest may do."""
