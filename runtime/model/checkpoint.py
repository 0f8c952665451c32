"""A checkpoint: an agent stops, says what it did and what comes next, and asks people for a yes."""

CHECKPOINT = "checkpoint.ask"
"""The tool by which an agent does so. A yes to it is all that it is for."""
LONGEST_TITLE = 100
"""Characters of what the checkpoint is called."""
LONGEST_DONE = 500
"""Characters of what was done so far."""
LONGEST_THEN = 400
"""Characters of what comes next. All of them as they are shown must fit a card whole, too."""
YES = "Yes from "
"""How the answer begins that lets the agent go on."""
GO_ON = "Go on with that, and no further without another yes."
"""How that answer ends. A person may be called anything, so that it begins rightly is not enough:
no other answer ends so."""
STAY = "Nobody said yes, so do not go past this checkpoint: stop there, and say so."
"""How the answer ends where no yes came; for the model, not for people."""
NOT_AGAIN = "It was not run; do not ask for the same again."
"""What a model is told of a call that people said no to, after who said it and why."""
