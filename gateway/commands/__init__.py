"""Commands: one grammar for `/schedule list`, `!schedule list` and `@bot schedule list`."""
