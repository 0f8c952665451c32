"""What Nightdesk is measured against: limits written by hand, and other people's libraries."""
