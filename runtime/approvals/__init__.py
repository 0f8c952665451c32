"""What people decide: frozen calls, their cards, votes, grants, and what became of them."""
