"""The shape of the code itself: who imports whom, how big, what is shipped."""
