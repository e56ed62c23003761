"""Memory for the length of a request – or for ever, where there is no request."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from edx_django_utils.cache import RequestCache


def request_cached(namespace: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def remembering(*args: Any, **kwargs: Any) -> Any:
            cache = RequestCache(namespace)
            said = [*map(str, args), *(str(item) for item in sorted(kwargs.items()))]
            key = ".".join([function.__module__, function.__name__, *said])
            known = cache.get_cached_response(key)
            if known.is_found:
                return known.value
            result = function(*args, **kwargs)
            cache.set(key, result)
            return result

        return remembering

    return decorate
