"""Forms (modal dialogs): what a person is asked for at once, where a line of text is not enough."""

from runtime.model.value import value


@value(kw_only=True)
class FormField:
    """One question of a form.

    Attributes:
        name: how the answer is called when the form comes back.
        label: what is asked, at most 45 characters (Discord's limit for a text input).
        placeholder: an example of an answer, at most 100 characters.
        required: it must be answered.
        multiline: the answer may have several lines.
        longest: characters that the answer may have at most, up to 3,000 (Slack's limit).
    """

    name: str
    label: str
    placeholder: str = ""
    required: bool = True
    multiline: bool = False
    longest: int = 1_000


@value(kw_only=True)
class FormSpec:
    """A form.

    Attributes:
        action: which action it asks for; it comes back in `FormSubmit.action`.
        title: at most 24 characters, which is Slack's limit.
        fields: the questions, at most five, which is Discord's limit.
        submit: what the button says, at most 24 characters.
    """

    action: str
    title: str
    fields: tuple[FormField, ...]
    submit: str = "Send"
