"""Refusals as the API words them.

Any handler raises `ApiError`; only the door turns it into bytes, so that one place decides about envelope and request
id. The type words and their codes are those of the API's error reference.
"""

from __future__ import annotations

from typing import Any

TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ApiError(Exception):
    """A refusal with its HTTP status, error type, message and optional details."""

    def __init__(self, status: int, message: str, *, kind: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind or TYPES.get(status, "api_error")
        self.message = message
        self.details = details

    def envelope(self, request_id: str) -> dict[str, Any]:
        """The JSON body of the refusal."""
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.details:
            error["details"] = self.details
        return {"type": "error", "error": error, "request_id": request_id}


def invalid(message: str, **details: Any) -> ApiError:
    """400: the request itself, or the state it meets, is wrong."""
    return ApiError(400, message, **details)


def not_found(what: str, identifier: str) -> ApiError:
    """404: alike for what never was, what is deleted and what belongs to another workspace."""
    return ApiError(404, f"{what} {identifier} not found.")


def conflict(message: str, **details: Any) -> ApiError:
    """409."""
    return ApiError(409, message, **details)
