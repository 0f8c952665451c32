"""Telegram: updates by webhook or by long polling in; the Bot API out."""
