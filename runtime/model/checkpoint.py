"""A checkpoint: an agent stops, says what it did and what comes next, and asks people for a yes."""

CHECKPOINT = "checkpoint.ask"
"""The tool by which an agent does so. A yes to it is all that it is for."""
LONGEST_TITLE = 100
"""Characters of what the checkpoint is called."""
LONGEST_DONE = 500
"""Characters of what was done so far."""
LONGEST_THEN = 400
"""Characters of what comes next. With the others it fits a card whole."""
YES = "Yes from "
"""How the answer begins that lets the agent go on. No other answer begins so."""
