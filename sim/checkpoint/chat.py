"""A prompt as a model's own chat template puts it."""

from datetime import datetime

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from devicemodels.errors import UserError
from sim.checkpoint.model import Model

_MESSAGE = "\ue000message\ue000"
"""Stands for the message while its place is sought: characters of private use, which no template writes."""


def prompt_tokens(model: Model, prompt: str, *, chat: bool | None = None) -> list[int]:
    """Return the tokens of a prompt.

    Parameters
    ----------
    chat
        Put the prompt as a user's message into the model's chat template, so that an answer follows; if false, the
        model goes on from the prompt itself. None means: as a message if the model has a template.

    Raises
    ------
    UserError
        If ``chat`` is true and the model has no template, or the template does not work.
    """
    if chat is None:
        chat = bool(model.chat_template)
    if not chat:
        return model.tokenizer.encode(prompt)
    if not model.chat_template:
        raise UserError(f'the model "{model.name}" has no chat template: leave --chat out to go on from the text')
    before, message, after = _rendered(model, prompt)
    return model.tokenizer.encode_message(before, message, after)


def _rendered(model: Model, message: str) -> tuple[str, str, str]:
    """Return what the template writes before the message, the message as it stands there, and what comes after."""
    before, found, after = _render(model, _MESSAGE).partition(_MESSAGE)
    whole = _render(model, message)
    for written in (message, message.strip()):
        if found and whole == before + written + after:
            return before, written, after
    raise UserError(f'the chat template of "{model.name}" changes its message: say --no-chat to go on from the text')


def _render(model: Model, message: str) -> str:
    """Render the template as the libraries that it is written for do."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals.update(raise_exception=_refuse, strftime_now=lambda form: datetime.now().strftime(form))
    words = model.tokenizer.vocabulary
    special = {f"{name}_token": words.tokens[at] for name in ("bos", "eos") if (at := getattr(words, name)) is not None}
    messages = [{"role": "user", "content": message}]
    try:
        return environment.from_string(model.chat_template).render(
            messages=messages, add_generation_prompt=True, **special
        )
    except (TemplateError, TypeError, ValueError) as error:
        raise UserError(
            f'the chat template of "{model.name}" does not work ({str(error).splitlines()[0]}): say --no-chat to go on '
            "from the text"
        ) from error


def _refuse(reason: str) -> None:
    """Let a template give up, as its ``raise_exception`` does."""
    raise TemplateError(reason)
