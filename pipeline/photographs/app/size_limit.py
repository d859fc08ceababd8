"""Refuse what is too large before it is read: a browser's own limit is only a courtesy."""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_NO_LENGTH, _TOO_LARGE = 411, 413
"""Status codes of HTTP."""


class SizeLimit:
    """A part of a web application that answers requests whose body is too large, or unsaid.

    Args:
        app: Answers the others.
        most_bytes: Size of the largest body.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            length = Headers(scope=scope).get("content-length")
            if length is None or int(length) > self._most_bytes:
                refusal = PlainTextResponse(
                    f"expected at most {self._most_bytes} bytes, came {length or 'no length'}",
                    _NO_LENGTH if length is None else _TOO_LARGE,
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
