"""Policy: what agents do by themselves, what people are asked for, and what never happens."""
