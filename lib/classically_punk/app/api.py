"""The server's addresses: classify, feedback, model, health, OpenAPI document, and the page with its files."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from importlib import resources
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from classically_punk.app import feedback
from classically_punk.app.answering import Input
from classically_punk.app.answers import Told, Wanted
from classically_punk.app.current import Current, InForce, limits_of
from classically_punk.app.guard import Admission, Guard, RefusedError, problem
from classically_punk.app.openapi import document
from classically_punk.app.pool import Pool
from classically_punk.app.reasons import OF_WARNINGS
from classically_punk.app.upload import FORM_BYTES, Body, announced, boundary, too_large
from classically_punk.errors import TooLargeError, UnforeseenError
from classically_punk.settings import Settings

LONGEST_FEEDBACK: Final = 2_048
UPLOADS_HELD: Final = 8
"""Largest uploads that are held at once; more small ones fit into the same memory."""
NO_STORE: Final = {"Cache-Control": "no-store"}
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def application(current: Current, pool: Pool, settings: Settings, workers: int) -> Starlette:
    """The ASGI application over a model and a pool of `workers` processes, which it closes when it ends."""
    api = Api(current, pool, settings, workers)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(pool.close)

    return Starlette(
        routes=[
            Route("/api/classify", api.classify, methods=["POST"]),
            Route("/api/feedback", api.feedback, methods=["POST"]),
            Route("/api/model", api.model),
            Route("/healthz", api.health),
            Route("/openapi.json", api.openapi),
            *(Route(path, file) for path, file in page_files().items()),
        ],
        middleware=[Middleware(Guard, hosts=settings.serve.hosts)],
        exception_handlers={
            RefusedError: refused,
            HTTPException: not_there,
            Exception: unforeseen,
        },
        lifespan=lifespan,
    )


class Api:
    """What the addresses do."""

    def __init__(self, current: Current, pool: Pool, settings: Settings, workers: int) -> None:
        self._current, self._pool, self._settings, self._workers = current, pool, settings, workers
        serve = settings.serve
        self._admission = Admission(workers + serve.queue, UPLOADS_HELD * (serve.max_bytes + FORM_BYTES))
        self._memory = feedback.Memory()
        self._refreshing = asyncio.Lock()

    async def classify(self, request: Request) -> Response:
        """One file -> its answer, or the reason why there is none."""
        serve, body = self._settings.serve, Body(request.receive)
        try:
            mark = boundary(request.headers)
            size = announced(request.headers)
            if size is not None and size > serve.max_bytes + FORM_BYTES:
                raise too_large(serve.max_bytes)
            with self._admission.entered(serve.max_bytes + FORM_BYTES if size is None else size):
                content = await body.file(mark, serve.max_bytes, serve.max_upload_s)
                in_force = await self._in_force()
                picture = request.query_params.get("picture") in ("1", "true")
                wanted = Wanted(explain=True, facts=True, picture=picture)
                waiting = self._pool.submit(Input("upload", content=content), in_force.model, wanted)
                del content
                told = await asyncio.wrap_future(waiting)
        except RefusedError:
            if "expect" not in request.headers:  # who waits for leave to send has sent nothing
                await body.drain()
            raise
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
        if told.line.reason is not None:
            raise of_clip(told)
        return JSONResponse(self._answer(told, in_force), headers=NO_STORE)

    async def feedback(self, request: Request) -> Response:
        """What a person says that a clip is, for an answer of late."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "NOT_JSON")
        asked = await self._small_object(request)
        in_force = await self._in_force()
        token, label, source = asked.get("token"), asked.get("label"), asked.get("source", "api")
        if not isinstance(token, str) or source not in ("api", "page") or asked.keys() - {"token", "label", "source"}:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "expected token, label and source (api or page)")
        checked = feedback.checked_label(label, in_force.model.genres)
        if checked is None:
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "BAD_LABEL")
        answer = self._memory.recall(token)
        if answer is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "UNKNOWN_ANSWER")
        if answer.labels >= feedback.MOST_LABELS:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "ENOUGH")
        answer.labels += 1
        line = feedback.line_of(answer, checked, source)
        try:
            await asyncio.to_thread(feedback.append, self._current.root, line)
        except OSError as error:
            answer.labels -= 1
            print(f"punk: feedback could not be stored: {error.strerror or error}", file=sys.stderr, flush=True)
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "NOT_KEPT", retry_after_s=60) from None
        return JSONResponse({"clip_id": answer.clip["clip_id"], "label": checked}, HTTPStatus.CREATED, NO_STORE)

    async def model(self, request: Request) -> Response:
        """The model in force, its figures and its limits."""
        in_force = await self._in_force()
        model, serve = in_force.model, self._settings.serve
        told = {
            "model_id": model.model_id,
            "genres": list(model.genres),
            "feature_set": model.feature_set,
            "features": len(model.feature_names),
            "published_at": model.published_at,
            "training": {"clips": model.training.clips, "groups": model.training.groups},
            "decision": {"kind": model.decision.kind, "threshold": model.decision.threshold},
            "figures": {name: dict(numbers) for name, numbers in (model.figures or {}).items()},
            "limits": limits_of(model),
            "nearest": in_force.neighbours is not None,
            "uploads": {"max_bytes": serve.max_bytes, "max_duration_s": serve.max_duration_s},
            "stale": self._current.stale,
        }
        return JSONResponse(told, headers=NO_STORE)

    async def health(self, request: Request) -> Response:
        """That the server is up, and with which model."""
        told = {"status": "ok", "model_id": self._current.in_force.model.model_id, "workers": self._workers}
        return JSONResponse(told, headers=NO_STORE)

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document of all this."""
        return JSONResponse(document(self._settings.serve.max_bytes))

    async def _in_force(self) -> InForce:
        if self._current.changed():
            async with self._refreshing:
                return await asyncio.to_thread(self._current.refresh)
        return self._current.in_force

    async def _small_object(self, request: Request) -> dict[str, Any]:
        try:
            told = json.loads(await Body(request.receive).text(LONGEST_FEEDBACK, self._settings.serve.max_upload_s))
        except (ValueError, RecursionError, ClientDisconnect):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "NOT_JSON") from None
        if not isinstance(told, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "NOT_JSON")
        return told

    def _answer(self, told: Told, in_force: InForce) -> dict[str, Any]:
        line, clip = told.line, told.clip
        assert clip is not None
        assert told.features is not None
        assert told.standing is not None
        model, neighbours = in_force.model, in_force.neighbours
        token = self._memory.remember(feedback.Remembered(clip, told.features, model.feature_set, model.model_id))
        return {
            "clip_id": clip["clip_id"],
            "token": token,
            "model_id": model.model_id,
            "best": line.best,
            "predicted": line.predicted,
            "confidence": line.confidence,
            "probabilities": line.probabilities,
            "scores": line.scores,
            "warnings": line.warnings,
            "notes": [OF_WARNINGS[code] for code in line.warnings if code in OF_WARNINGS],
            "clip": {name: value for name, value in clip.items() if name not in ("clip_id", "audio_sha256")},
            "why": told.why,
            "explanation": told.explanation,
            "nearest": None if neighbours is None else neighbours.of(told.standing),
            "no_nearest": in_force.no_neighbours,
            "picture": told.picture,
        }


def of_clip(told: Told) -> RefusedError:
    """The refusal of a file that cannot be used."""
    reason = told.line.reason or UnforeseenError.code
    if reason == UnforeseenError.code:
        print(f"punk: {reason}: {told.line.detail}", file=sys.stderr, flush=True)
        return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
    large = reason == TooLargeError.code
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE if large else HTTPStatus.UNPROCESSABLE_ENTITY, reason, told.line.detail
    )


async def refused(request: Request, error: Exception) -> Response:
    """A refusal of our own."""
    assert isinstance(error, RefusedError)
    return error.response()


async def not_there(request: Request, error: Exception) -> Response:
    """What the framework refuses: unknown addresses and methods."""
    assert isinstance(error, HTTPException)
    codes = {HTTPStatus.NOT_FOUND: "NOT_FOUND", HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED"}
    reason = codes.get(HTTPStatus(error.status_code), "BAD_REQUEST")
    return JSONResponse(problem(reason), error.status_code, {**NO_STORE, **(error.headers or {})})


async def unforeseen(request: Request, error: Exception) -> Response:
    """An error nobody foresaw: the log has its traceback, the answer nothing of it."""
    return JSONResponse(problem(UnforeseenError.code), HTTPStatus.INTERNAL_SERVER_ERROR, NO_STORE)


def page_files() -> dict[str, Any]:
    """Address -> endpoint of every file of the page, read once: no request ever names a file."""
    endpoints = {}
    for entry in resources.files("classically_punk.app").joinpath("page").iterdir():
        kind = TYPES.get("." + entry.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if entry.name == "index.html" else f"/page/{entry.name}"
            endpoints[path] = _file(entry.read_bytes(), kind)
    return endpoints


def _file(content: bytes, kind: str) -> Any:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}

    async def endpoint(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return endpoint
