"""The chats, put together: each one's outbound side, its door, and whether it is heard."""
