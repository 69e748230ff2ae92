"""The one exception that means "the user can fix this"."""


class UserError(ValueError):
    """A mistake in what the user gave: one sentence with the thing, its value, the limit and the way out.

    The command line prints it without a traceback and exits with status 2.
    """
