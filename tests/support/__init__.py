"""What tests share: clocks, builders, fake platforms."""
