"""The app's own page for one person (Slack's App Home), in plain words for any platform."""

from runtime.model.value import value


@value(kw_only=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading, plain text.
        text: CommonMark.
    """

    title: str
    text: str


@value(kw_only=True)
class Prompt:
    """Something that a person could ask, offered to them.

    Attributes:
        title: what they see, some words.
        message: what is asked when they choose it.
    """

    title: str
    message: str


@value(kw_only=True)
class HomePage:
    """The page.

    Attributes:
        sections: its parts, in order.
        prompts: offered where the person writes to the bot; four at the most are shown.
    """

    sections: tuple[Section, ...]
    prompts: tuple[Prompt, ...] = ()
