"""Addresses as others may see them: in requests, in logs and in what is said of a fault."""

import re

_WITH_USER = re.compile(r"([\w+.-]*)(:?//)([^/\s]*)@")


def without_password(text: str) -> str:
    """Return a text whose addresses hold no secret.

    Of an address of the web the whole user goes, which may be a token; others keep a name,
    without which SSH does not let one in.
    """
    return _WITH_USER.sub(_keep_name, text)


def _keep_name(found: re.Match[str]) -> str:
    scheme, slashes, user = found.groups()
    if not scheme or scheme.lower().endswith(("http", "https")):
        return f"{scheme}{slashes}"
    return f"{scheme}{slashes}{user.partition(':')[0]}@"
