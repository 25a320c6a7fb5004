"""The addresses that a served classifier answers under."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp

import kshot
from kshot.errors import KshotError, StorageError
from kshot.serving import wire
from kshot.serving.desk import Desk
from kshot.serving.guard import Guard
from kshot.serving.hosts import Hosts
from kshot.serving.page import page
from kshot.serving.received import BODY, things
from kshot.serving.refusals import FORBIDDEN, NOT_THERE, OTHER_MEDIA, TOO_LARGE, UNREADABLE, RefusedError

_ABOUT = """A few-shot classifier: what it says of things, and how it is taught.

Files travel as bytes; no path is ever opened. One computation runs at a time. There is no authentication."""

_READING: dict[int | str, dict[str, Any]] = {
    status: {"model": wire.Refused, "description": reason}
    for status, reason in (
        (TOO_LARGE, "too much, too many or too large"),
        (OTHER_MEDIA, "not what the model's modality takes"),
        (UNREADABLE, "something cannot be used"),
    )
}
_MISSING: dict[int | str, dict[str, Any]] = {NOT_THERE: {"model": wire.Refused, "description": "not there"}}
_UNWRITABLE: dict[int | str, dict[str, Any]] = {
    FORBIDDEN: {"model": wire.Refused, "description": "the server was not started with --save"}
}

Name = Annotated[str, Path(description="the class; percent-encoded")]


def application(desk: Desk, title: str, hosts: Hosts) -> ASGIApp:
    """A classifier's page and its JSON endpoints, as an ASGI application.

    Args:
        desk: where the classifier is.
        title: what to call it.
        hosts: names of the server.
    """
    # No /docs: FastAPI's pages load their scripts from elsewhere.
    app = FastAPI(
        title=f"kshot: {title}", version=kshot.__version__, description=_ABOUT, docs_url=None, redoc_url=None
    )
    _refusing(app)
    _reading(app, desk, title)
    _computing(app, desk, title)
    shown = page()
    app.get("/", include_in_schema=False, response_class=HTMLResponse)(lambda: HTMLResponse(shown.html))
    return Guard(app, hosts, desk.limits.request_bytes, shown.policy)


def _refusing(app: FastAPI) -> None:
    """Every refusal is one line of JSON; a fault of ours says no more than that it is one."""

    async def refused(request: Request, error: Exception) -> JSONResponse:
        del request
        if isinstance(error, HTTPException):
            return JSONResponse({"detail": str(error.detail)}, error.status_code, error.headers)
        return JSONResponse({"detail": str(error)}, _status(error))

    async def gone(request: Request, error: Exception) -> Response:
        """The client hung up while it was sending; nobody reads this."""
        del request, error
        return Response(status_code=400)

    async def failed(request: Request, error: Exception) -> JSONResponse:
        del request, error
        return JSONResponse({"detail": "a fault in the server; its terminal says more"}, 500)

    app.add_exception_handler(KshotError, refused)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, failed)


def _status(error: Exception) -> int:
    if isinstance(error, RefusedError):
        return error.status
    return 500 if isinstance(error, StorageError) else UNREADABLE


def _reading(app: FastAPI, desk: Desk, title: str) -> None:
    """What is answered at once, from the state as it stands."""

    @app.get("/healthz", summary="Is the server there?")
    async def healthz() -> wire.Health:  # pyright: ignore[reportUnusedFunction]
        return wire.Health()

    @app.get("/model", summary="What the classifier holds and takes")
    async def describe() -> wire.Model:  # pyright: ignore[reportUnusedFunction]
        return wire.model(title, desk, desk.state)

    @app.get(
        "/examples/{key}",
        summary="An example that was given here, drawn for people",
        response_class=Response,
        responses={200: {"content": {"image/png": {}, "audio/wav": {}, "text/plain": {}}}, **_MISSING},
    )
    async def example(key: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        drawn = desk.shown(key).drawn
        assert drawn is not None
        headers = {"cache-control": "private, max-age=86400, immutable"}
        return Response(drawn.data, media_type=drawn.media, headers=headers)


def _computing(app: FastAPI, desk: Desk, title: str) -> None:
    """What waits until nothing else is computed."""

    @app.post("/predict", summary="Say of which class things are", responses=_READING, openapi_extra=BODY)
    async def predict(request: Request) -> wire.Predictions:  # pyright: ignore[reportUnusedFunction]
        asked = await things(request, desk.state.classifier.modality_, desk.limits)
        state, answers = await run_in_threadpool(desk.ask, asked)
        return wire.predictions(state, [one.name for one in asked], answers)

    @app.post(
        "/classes/{name:path}/examples",
        summary="Add a class, or examples to one that is known",
        responses=_READING,
        openapi_extra=BODY,
    )
    async def teach(request: Request, name: Name) -> wire.Model:  # pyright: ignore[reportUnusedFunction]
        given = await things(request, desk.state.classifier.modality_, desk.limits)
        return wire.model(title, desk, await run_in_threadpool(desk.teach, name, given))

    @app.delete("/classes/{name:path}", summary="Forget a class", responses=_MISSING)
    async def forget(name: Name) -> wire.Model:  # pyright: ignore[reportUnusedFunction]
        return wire.model(title, desk, await run_in_threadpool(desk.forget, name))

    @app.post(
        "/negatives",
        summary="Add examples of no class, by which the threshold of unknown is set",
        responses=_READING,
        openapi_extra=BODY,
    )
    async def teach_unknown(request: Request) -> wire.Model:  # pyright: ignore[reportUnusedFunction]
        given = await things(request, desk.state.classifier.modality_, desk.limits)
        return wire.model(title, desk, await run_in_threadpool(desk.teach_unknown, given))

    @app.delete("/negatives", summary="Forget the examples of no class")
    async def forget_unknown() -> wire.Model:  # pyright: ignore[reportUnusedFunction]
        return wire.model(title, desk, await run_in_threadpool(desk.forget_unknown))

    @app.get(
        "/model/bundle",
        summary="The classifier as a file",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}}},
    )
    async def bundle() -> Response:  # pyright: ignore[reportUnusedFunction]
        content = await run_in_threadpool(desk.bundle)
        headers = {"content-disposition": "attachment; filename=model.kshot"}
        return Response(content, media_type="application/octet-stream", headers=headers)

    @app.post("/model/save", summary="Write the classifier to its file", responses=_UNWRITABLE)
    async def save() -> wire.Model:  # pyright: ignore[reportUnusedFunction]
        return wire.model(title, desk, await run_in_threadpool(desk.save))
