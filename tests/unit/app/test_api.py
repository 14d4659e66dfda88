"""The API as a stranger meets it: healthy and hostile uploads, foreign pages, feedback, and its own document."""

from __future__ import annotations

import asyncio
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient
from tests.unit.app.conftest import LOUD, model, sine
from tests.zoo.case import Case
from tests.zoo.test_zoo import CASES

from classically_punk import errors
from classically_punk.app import api, feedback, reasons, serve
from classically_punk.app.current import Current
from classically_punk.features.feedback import place
from classically_punk.modelling import published, training_clips
from classically_punk.settings import Settings

WriteWav = Callable[..., Path]
JSON = "application/json"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warehouse")
    published.publish(folder, model())
    return folder


@pytest.fixture(scope="module")
def app(root: Path) -> Iterator[Any]:
    # the zoo's limits: files beyond one stay small
    configured = Settings.load(
        None,
        {
            "warehouse": {"root": str(root)},
            "serve": {"max_bytes": 4_000_000, "max_duration_s": 60.0, "hosts": ["testserver", "music.example"]},
        },
    )
    pool = serve.pool(configured, 1)
    yield api.application(Current(root, configured), pool, configured, 1)
    pool.close()


@pytest.fixture
def client(app: Any) -> TestClient:
    return TestClient(app)  # without its lifespan: the pool outlives a test


@pytest.fixture
def loud(tmp_path: Path, write_wav: WriteWav) -> bytes:
    return write_wav(tmp_path / "loud.wav", sine(LOUD)).read_bytes()


def post(client: TestClient, content: bytes, name: str = "a.wav", **more: Any) -> httpx2.Response:
    return client.post("/api/classify", files={"file": (name, content)}, **more)


def refusal(answer: httpx2.Response, status: int, reason: str) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["reason"]) == (status, reason), told
    assert told["message"] == reasons.sentence(reason)
    assert set(told) == {"reason", "message", "detail"}
    return told


def test_a_sine_gets_the_score_of_the_formula_and_all_that_the_page_shows(client: TestClient, loud: bytes) -> None:
    answer = post(client, loud, params={"picture": "true"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["best"], told["predicted"]) == ("loud", "loud")
    assert told["scores"]["loud"] == pytest.approx(LOUD / math.sqrt(2), abs=2e-3)
    assert sum(told["probabilities"].values()) == pytest.approx(1)
    assert told["clip"]["duration_s"] == pytest.approx(1.5)
    assert told["explanation"]["families"][0]["family"] == "loudness"
    picture = told["picture"]
    assert max(picture["waveform_high"]) == pytest.approx(LOUD, abs=2e-3)
    assert (picture["bands"], len(picture["band_hz"])) == (96, 96)
    assert told["nearest"] is None
    assert "not published" in told["no_nearest"]
    assert post(client, loud).json()["picture"] is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_file_of_the_zoo_gets_an_answer_or_its_code(client: TestClient, case: Case) -> None:
    answer = post(client, case.build(), name=f"../../{case.name}\r\n.wav")
    if case.code is None:
        assert answer.status_code == 200, answer.text
        assert sorted(answer.json()["warnings"]) == sorted(case.warnings)
    else:
        refusal(answer, 413 if case.code == "TOO_LARGE" else 422, case.code)
    assert client.get("/healthz").json()["status"] == "ok"


def test_every_code_has_a_sentence_for_a_person() -> None:
    codes = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and "code" in vars(kind)}
    assert codes == set(reasons.OF_CLIPS)
    assert set(errors.WARNINGS) == set(reasons.OF_WARNINGS)
    for text in (*reasons.OF_CLIPS.values(), *reasons.OF_REQUESTS.values(), *reasons.OF_WARNINGS.values()):
        assert re.fullmatch(r"[A-Z].*\.", text)
    assert reasons.sentence("whatever") == reasons.OF_CLIPS["INTERNAL_ERROR"]


BOUNDARY = "x" * 10
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
END = f"\r\n--{BOUNDARY}--\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "status", "reason"),
    [
        (None, b"", 415, "NOT_MULTIPART"),
        (JSON, b"{}", 415, "NOT_MULTIPART"),
        ("multipart/form-data", b"x", 415, "NOT_MULTIPART"),
        ("multipart/form-data; boundary=" + "y" * 71, b"x", 415, "NOT_MULTIPART"),
        ("multipart/mixed; boundary=x", b"x", 415, "NOT_MULTIPART"),
        ("\xff\xfe; boundary", b"x", 415, "NOT_MULTIPART"),
        (BOUNDARY, b"", 400, "NO_FILE"),
        (BOUNDARY, f"--{BOUNDARY}--\r\n", 400, "NO_FILE"),
        (BOUNDARY, b"no form at all", 400, "BAD_REQUEST"),
        (BOUNDARY, HEAD.replace('"file"', '"other"') + "x" + END, 400, "NO_FILE"),
        (BOUNDARY, HEAD.replace("form-data", "attachment") + "x" + END, 400, "NO_FILE"),
        (BOUNDARY, f"--{BOUNDARY}\r\n\r\nx" + END, 400, "NO_FILE"),
        (BOUNDARY, HEAD + "x", 400, "BAD_REQUEST"),
        (BOUNDARY, HEAD + "x\r\n" + HEAD + "y" + END, 400, "TOO_MANY_PARTS"),
        (BOUNDARY, HEAD.replace("filename", "x" * 5000) + END, 400, "BAD_REQUEST"),
        (BOUNDARY, HEAD.replace("\r\n\r\n", "\r\nA: b" * 20 + "\r\n\r\n") + END, 400, "BAD_REQUEST"),
        (BOUNDARY, HEAD + "x" * 4_000_001 + END, 413, "TOO_LARGE"),
        (BOUNDARY, HEAD + "x" * 5_000_000 + END, 413, "TOO_LARGE"),
        (BOUNDARY, HEAD + END, 422, "EMPTY_FILE"),
    ],
)
def test_a_form_that_is_none_is_refused(
    client: TestClient, kind: str | None, body: bytes | str, status: int, reason: str
) -> None:
    content = body.encode() if isinstance(body, str) else body
    value = f"multipart/form-data; boundary={BOUNDARY}" if kind == BOUNDARY else kind
    headers = {} if value is None else {"Content-Type": value.encode("latin-1")}
    refusal(client.post("/api/classify", content=content, headers=headers), status, reason)
    # and without a length, as it arrives
    pieces = (content[at : at + 65_536] for at in range(0, len(content), 65_536))
    refusal(client.post("/api/classify", content=pieces, headers=headers), status, reason)


def test_a_length_that_is_none_or_too_large_is_refused_before_anything_is_read(client: TestClient) -> None:
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    for length, status, reason in [
        ("1e3", 400, "BAD_REQUEST"),
        ("5000000", 413, "TOO_LARGE"),
        ("9" * 30, 413, "TOO_LARGE"),
    ]:
        headers = {"Content-Type": kind, "Content-Length": length, "Expect": "100-continue"}
        refusal(client.post("/api/classify", content=b"", headers=headers), status, reason)


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/api/classify", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/page/../serve.py", 404, "NOT_FOUND"),
        ("GET", "/page/%2e%2e/api.py", 404, "NOT_FOUND"),
        ("GET", "/docs", 404, "NOT_FOUND"),
        ("GET", "/%00", 404, "NOT_FOUND"),
    ],
)
def test_other_addresses_are_refused_in_json(
    client: TestClient, method: str, path: str, status: int, reason: str
) -> None:
    refusal(client.request(method, path), status, reason)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "[::1", "a:b"]
)
def test_under_a_foreign_name_nothing_is_answered(client: TestClient, host: str) -> None:
    for path in ("/", "/healthz", "/api/model"):
        refusal(client.get(path, headers={"Host": host}), 421, "FOREIGN_HOST")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:1", "127.1.2.3", "[::1]:8000", "music.example", "LOCALHOST"]
)
def test_under_its_own_names_it_answers(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_page_of_somebody_else_may_not_ask(client: TestClient, loud: bytes) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        refusal(post(client, loud, headers=headers), 403, "FOREIGN_ORIGIN")
    assert post(client, loud, headers={"Origin": "http://testserver"}).status_code == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200, "a link to the page may be followed"
    refusal(client.post("/api/feedback", headers=link), 403, "FOREIGN_ORIGIN")


def test_every_answer_carries_the_headers_that_bind_a_browser(client: TestClient) -> None:
    for path in ("/", "/healthz", "/nothing", "/page/app.js"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert not [name for name in headers if name.startswith("access-control")]
        assert "server" not in headers


def test_the_page_names_no_address_outside(client: TestClient) -> None:
    for path in api.page_files():
        text = client.get(path).text
        assert not re.search(r"""(src|href|url\(|import|from)\s*[=(]?\s*["']?(https?:)?//""", text), path
        assert "style=" not in text.replace("this.style=", ""), path
        assert not re.search(r"\son\w+=", text), path
    answer = client.get("/page/app.js")
    assert client.get("/page/app.js", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


async def call(app: Any, messages: list[Any], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """One POST to /api/classify whose body comes as the messages say; a number is a pause in seconds."""
    sent: list[Any] = []
    left = iter(messages)

    async def receive() -> Any:
        for message in left:
            if not isinstance(message, float):
                return message
            await asyncio.sleep(message)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/classify",
        "raw_path": b"/api/classify",
        "query_string": b"",
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in {"Host": "localhost", **headers}.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
        "http_version": "1.1",
    }
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"] or b"{}")


def test_an_upload_that_does_not_arrive_is_given_up_and_one_that_leaves_is_forgotten(root: Path) -> None:
    configured = Settings.load(None, {"warehouse": {"root": str(root)}, "serve": {"max_upload_s": 0.2, "queue": 0}})
    pool = serve.pool(configured, 1)
    app = api.application(Current(root, configured), pool, configured, 1)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    first = {"type": "http.request", "body": HEAD.encode(), "more_body": True}

    async def story() -> None:
        slow = asyncio.create_task(call(app, [first, 5.0], kind))
        await asyncio.sleep(0.05)
        status, told = await call(app, [first], kind)
        assert (status, told["reason"]) == (503, "BUSY"), "one slot, and it is taken"
        status, told = await slow
        assert (status, told["reason"]) == (408, "UPLOAD_TIMEOUT")
        assert await call(app, [first], kind) == (400, {}), "the client has gone"
        status, told = await call(app, [{"type": "http.request", "body": (HEAD + END).encode()}], kind)
        assert (status, told["reason"]) == (422, "EMPTY_FILE"), "and the slot is free again"

    try:
        asyncio.run(story())
    finally:
        pool.close()


def test_a_label_is_stored_with_the_features_and_never_the_audio(client: TestClient, loud: bytes, root: Path) -> None:
    told = post(client, loud).json()
    for label, stored in [("quiet", "quiet"), ("  Chambre\u0301 pop ", "Chambr\xe9 pop")]:
        answer = client.post("/api/feedback", json={"token": told["token"], "label": label, "source": "page"})
        assert (answer.status_code, answer.json()) == (201, {"clip_id": told["clip_id"], "label": stored})
    lines = [json.loads(line) for line in place(root).read_text().splitlines()]
    assert [line["label"] for line in lines[-2:]] == ["quiet", "Chambr\xe9 pop"]
    line = lines[-1]
    assert (line["clip_id"], line["model_id"], line["source"]) == (told["clip_id"], told["model_id"], "page")
    assert len(line["features"]) == 57
    assert line["features"]["loudness_rms_mean"] == pytest.approx(told["scores"]["loud"], abs=1e-9)
    assert line["feature_set"] == model().feature_set
    assert len(json.dumps(line)) < 6_000, "no room for audio"
    for _ in range(feedback.MOST_LABELS - 2):
        client.post("/api/feedback", json={"token": told["token"], "label": "quiet"})
    refusal(client.post("/api/feedback", json={"token": told["token"], "label": "quiet"}), 429, "ENOUGH")


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", 400, "NOT_JSON"),
        (b"[1]", 400, "NOT_JSON"),
        (b"[" * 2000, 400, "NOT_JSON"),
        (b"\xff", 400, "NOT_JSON"),
        (b'{"token": 1, "label": "a"}', 400, "BAD_REQUEST"),
        (b'{"token": "x", "label": "a", "path": "/etc/passwd"}', 400, "BAD_REQUEST"),
        (b'{"token": "x", "label": "a", "source": "elsewhere"}', 400, "BAD_REQUEST"),
        (b'{"token": "x", "label": "loud"}', 404, "UNKNOWN_ANSWER"),
        (b'{"token": "x", "label": ""}', 422, "BAD_LABEL"),
        (b'{"token": "x"}', 422, "BAD_LABEL"),
        (b'{"token": "x", "label": ["loud"]}', 422, "BAD_LABEL"),
        (b'{"token": "x", "label": "a\\nb"}', 422, "BAD_LABEL"),
        (b'{"token": "x", "label": "\\u202eb"}', 422, "BAD_LABEL"),
        (b'{"token": "x", "label": "\\ud800"}', 422, "BAD_LABEL"),
        (b'{"token": "x", "label": "' + b"a" * 41 + b'"}', 422, "BAD_LABEL"),
        (b'{"token": "' + b"a" * 3000 + b'"}', 413, "TOO_LARGE"),
    ],
)
def test_feedback_that_is_none_is_refused(client: TestClient, content: bytes, status: int, reason: str) -> None:
    refusal(client.post("/api/feedback", content=content, headers={"Content-Type": JSON}), status, reason)


def test_feedback_needs_json_which_no_foreign_form_can_send(client: TestClient) -> None:
    refusal(client.post("/api/feedback", data={"token": "x"}), 415, "NOT_JSON")


def test_feedback_that_cannot_be_stored_says_so(client: TestClient, loud: bytes, monkeypatch: Any) -> None:
    def full(*words: Any) -> None:
        raise OSError(28, "No space left on device")

    token = post(client, loud).json()["token"]
    monkeypatch.setattr(feedback, "append", full)
    answer = client.post("/api/feedback", json={"token": token, "label": "loud"})
    refusal(answer, 503, "NOT_KEPT")
    assert int(answer.headers["retry-after"]) > 0


def test_no_answer_names_a_path_and_no_file_is_kept(client: TestClient, loud: bytes, root: Path) -> None:
    before = set(Path(tempfile.gettempdir()).iterdir())
    texts = [post(client, content).text for content in (loud, b"", b"text " * 100, loud[:1000])]
    texts += [client.get(path).text for path in ("/api/model", "/healthz", "/openapi.json", "/nothing")]
    for text in texts:
        assert str(root) not in text
        assert "/lib/" not in text
    new = {path.name for path in set(Path(tempfile.gettempdir()).iterdir()) - before}
    assert not {name for name in new if name.startswith("tmp")}


def test_an_error_nobody_foresaw_tells_nothing_of_the_machine(app: Any, loud: bytes, monkeypatch: Any) -> None:
    def broken(*words: Any) -> Any:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr("classically_punk.app.feedback.Memory.remember", broken)
    answer = post(TestClient(app, raise_server_exceptions=False), loud)
    refusal(answer, 500, "INTERNAL_ERROR")
    assert "secret" not in answer.text


def test_a_newly_published_model_is_used_and_a_broken_one_is_not(
    client: TestClient, loud: bytes, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = training_clips.to_parquet(["a"], ["known.wav"], ["noisy"], [[0.0]])
    published.publish(root, model(model_id="another", genres=("noisy", "quiet")), clips)
    try:
        told = post(client, loud).json()
        assert (told["best"], told["no_nearest"]) == ("noisy", None)
        ((name, distance),) = [(one["name"], one["distance"]) for one in told["nearest"]]
        assert (name, distance) == ("known.wav", pytest.approx(told["scores"]["noisy"]))  # both are its level
        (root / "published/current.json").write_text("{")
        told = client.get("/api/model").json()
        assert told["model_id"] == "another"
        assert "cannot be used" in told["stale"]
        assert post(client, loud).json()["best"] == "noisy"
    finally:
        published.publish(root, model())
    told = client.get("/api/model").json()
    assert (told["model_id"], told["stale"]) == (model().model_id, None)
    assert "is in force" in capsys.readouterr().err


def test_the_document_describes_the_upload_as_a_file(client: TestClient) -> None:
    told = client.get("/openapi.json").json()
    operation = told["paths"]["/api/classify"]["post"]
    schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["properties"]["file"]["format"] == "binary"
    assert {"400", "413", "422", "503"} <= set(operation["responses"])


@pytest.mark.parametrize("path", ["/api/classify", "/api/feedback", "/api/model", "/healthz"])
def test_answers_are_as_the_document_says_whatever_is_asked(app: Any, path: str) -> None:
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    document.config.update(base_url="http://localhost/")
    (operation,) = document[path].values()

    @given(case=operation.as_strategy())
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def asked(case: Any) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance])  # bytes that are a file need not be music

    asked()
