"""A request's body as things: files as bytes, texts as bytes too, no path anywhere."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from kshot.serving.desk import Thing
from kshot.serving.limits import MIB, Limits
from kshot.serving.names import file_name
from kshot.serving.refusals import OTHER_MEDIA, TOO_LARGE, UNREADABLE, RefusedError

FILES = "files"
"""Name of the parts of a form that hold files."""


class Texts(BaseModel):
    """Texts to classify, or examples of a class."""

    model_config = ConfigDict(extra="forbid", title="Texts")
    texts: Annotated[list[str], Field(description="one thing each")]


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Texts.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FILES],
                    "properties": {
                        FILES: {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "pictures, recordings, or texts in UTF-8",
                        }
                    },
                }
            },
        },
    }
}
"""What both readings look like in OpenAPI."""


async def things(request: Request, modality: str, limits: Limits) -> list[Thing]:
    """The things in a request's body, one at least.

    Raises:
        RefusedError: too many or too large, of another kind than the model takes, or damaged.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "multipart/form-data":
        found = await _files(request, limits)
    elif media == "application/json" and modality == "text":
        found = await _texts(request, limits)
    else:
        takes = "JSON or a form with files" if modality == "text" else "a form with files"
        raise RefusedError(OTHER_MEDIA, f"'{media}' is not taken; this model is for {modality}: send {takes}")
    if not found:
        raise RefusedError(UNREADABLE, "nothing was sent")
    return found


async def _texts(request: Request, limits: Limits) -> list[Thing]:
    try:
        texts = Texts.model_validate_json(await request.body()).texts
        encoded = [text.encode() for text in texts]
    except (ValidationError, UnicodeEncodeError) as error:
        raise RefusedError(UNREADABLE, 'the body is not {"texts": ["…", "…"]} in JSON') from error
    if len(texts) > limits.things:
        raise RefusedError(TOO_LARGE, f"{len(texts)} texts in one request; {limits.things} are allowed")
    return [Thing(f"text {number}", content) for number, content in enumerate(encoded, 1)]


async def _files(request: Request, limits: Limits) -> list[Thing]:
    try:
        form = await request.form(max_files=limits.things, max_fields=0)
    except HTTPException as error:
        if error.detail.startswith("Too many files"):
            reason = f"more than {limits.things} files in one request; send fewer at a time"
            raise RefusedError(TOO_LARGE, reason) from error
        if error.status_code == TOO_LARGE:
            raise
        raise RefusedError(UNREADABLE, f"not a form with files named '{FILES}': {error.detail}") from error
    try:
        return [await _file(*named, number, limits) for number, named in enumerate(form.multi_items(), 1)]
    finally:
        await form.close()


async def _file(field: str, part: UploadFile | str, number: int, limits: Limits) -> Thing:
    if field != FILES or isinstance(part, str):
        raise RefusedError(UNREADABLE, f"a part of the form is not named '{FILES}'")
    name = file_name(part.filename, number)
    if (part.size or 0) > limits.file_bytes:
        raise RefusedError(TOO_LARGE, f"{name} is larger than {limits.file_bytes / MIB:g} MiB")
    return Thing(name, await part.read())
