"""The way in: an event is judged by the team's rules and stored; then its platform hears 200."""
