"""Time: cronsim and dateparser read the times people write, APScheduler wakes the process."""
