"""`punk`: the command line. Whatever is heavy is imported by the command that needs it, so that help is instant."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from classically_punk import __version__
from classically_punk.app.terminal import lenient, shown
from classically_punk.errors import ConfigError

DONE, UNEXPECTED, USAGE = 0, 1, 2
INTERRUPTED, CLOSED_PIPE = 130, 141  # what a shell reports of a program that Ctrl-C or a lost reader ended

SETTING = re.compile(r"--[a-z_0-9]+\.[a-z_0-9]+(=|$)", re.ASCII)

FOUND = (
    "Any key of the configuration can be given as --section.key=value. The model is found from --warehouse.root, else "
    "the configuration, else conf/local.toml."
)
CLASSIFY_EXAMPLES = """\
examples:
  punk classify song.flac                        one song: genres, confidence, and why
  punk classify --explain song.flac              every feature and how far it pushed
  punk classify --top 3 Music/                   a folder, however deep, by all cores
  punk classify --json Music/ > answers.jsonl    one JSON object a file, in order
  punk classify --playlists Sorted Music/        one .m3u8 a genre, one for "not sure", a list of rejects
  curl … | punk classify -                       standard input
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Arguments -> exit status: 0 done (rejected files included), 1 unexpected, 2 usage, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    lenient(sys.stdout)
    lenient(sys.stderr)
    try:
        rest, overrides = _settings_apart(words)
        arguments = _parser().parse_args(rest)
        if getattr(arguments, "config", None) is not None:
            overrides = ["--config", arguments.config, *overrides]
        status: int = arguments.run(arguments, overrides)
        return status
    except ConfigError as error:
        print(f"punk: {shown(str(error))}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("punk: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # `punk classify … | head` is no error; stdout must not be flushed into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="punk",
        description="Music genres by the published model.",
        epilog="Examples: punk classify song.flac; punk serve. See punk COMMAND --help.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"punk {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_classify(commands)
    _add_serve(commands)
    _add_completion(commands)
    return parser


def _add_classify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    classify = commands.add_parser(
        "classify",
        help="name the genre of audio files",
        description="One answer per file, in order; of a folder all files, however deep. No Spark, no JVM.\n"
        'Below the confidence that the model asks for the answer is "not sure".',
        epilog=f"{CLASSIFY_EXAMPLES}\n{FOUND}\nExit status: 0 done, even if some files are rejected; 1 an error nobody "
        "foresaw; 2 usage; 130 interrupted.",
        usage="punk classify [--json] [--top N] [--explain] [--playlists FOLDER] [--config FILE] "
        "[--warehouse.root=FOLDER] PATH…",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    classify.add_argument(
        "paths", nargs="+", metavar="PATH", help="an audio file, a folder of them, - for standard input"
    )
    classify.add_argument("--json", action="store_true", help="one JSON object a line")
    classify.add_argument(
        "--top", type=_count, metavar="N", help="name the N likeliest genres (default: 3 of one file)"
    )
    classify.add_argument(
        "--explain", action="store_true", help="every feature: value, training mean, push; nearest clips"
    )
    classify.add_argument("--playlists", type=Path, metavar="FOLDER", help="also write a playlist per genre there")
    classify.add_argument("--workers", type=_count, metavar="N", help="processes (default: one a core for many files)")
    classify.add_argument("--config", metavar="FILE", help="a configuration in TOML")
    classify.set_defaults(run=_classify)


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="a page and an API in the browser, on this machine",
        description="Serves a page that names the genre of a snippet, and the API behind it, until Ctrl-C or SIGTERM.\n"
        "Listens on loopback, keeps no file, loads nothing from elsewhere.",
        epilog="examples:\n  punk serve\n  punk serve --port 9000 --warehouse.root=Music.punk/warehouse\n\n"
        f"{FOUND} Limits: --serve.max_bytes=…,\n--serve.max_duration_s=…, --serve.workers=…. Exit status: 0 ended as "
        "told; 2 usage.",
        usage="punk serve [--port N] [--config FILE] [--warehouse.root=FOLDER]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    serve.add_argument(
        "--port", metavar="N", help="port (default: serve.port of the configuration, 8000); 0: a free one"
    )
    serve.add_argument("--config", metavar="FILE", help="a configuration in TOML")
    serve.set_defaults(run=_serve)


def _add_completion(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    completion = commands.add_parser(
        "completion",
        help="print a script that completes words in a shell",
        description="Prints a completion script.",
        epilog='bash, zsh: eval "$(punk completion bash)" in the start-up file. fish: punk completion fish | source',
        allow_abbrev=False,
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])
    completion.set_defaults(run=_completion)


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise ValueError
    return number


_count.__name__ = "whole number from 1"  # what argparse calls it


def _settings_apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """All words -> (what argparse reads, `--section.key=value` for the settings); what follows `--` is never a key."""
    rest: list[str] = []
    overrides: list[str] = []
    left: Iterator[str] = iter(words)
    for word in left:
        if word == "--":
            rest += [word, *left]
        elif SETTING.match(word) is None:
            rest.append(word)
        elif "=" in word:
            overrides.append(word)
        else:
            overrides += [word, *([value] if (value := next(left, None)) is not None else [])]
    return rest, overrides


def _classify(arguments: argparse.Namespace, overrides: Sequence[str]) -> int:
    if arguments.json and arguments.top is not None:
        raise ConfigError("--top", "--json tells all genres anyway; leave out one of the two")
    if arguments.playlists is not None and "-" in arguments.paths:
        raise ConfigError("--playlists", "standard input has no place in a playlist")
    from classically_punk.app import classify

    model, settings = classify.load(overrides)
    files = classify.listed([os.fsencode(path) for path in arguments.paths], settings)
    asked = classify.Asked(arguments.json, arguments.top, arguments.explain, arguments.workers)
    near = classify.neighbours_of(overrides, model) if asked.table else None
    if arguments.playlists is None:
        return DONE if classify.tell(files, model, settings, asked, neighbours=near) else UNEXPECTED
    from classically_punk.app.playlists import Playlists

    playlists = Playlists(arguments.playlists, model.genres)
    foreseen = classify.tell(files, model, settings, asked, playlists.take, near)
    told = ", ".join(f"{count} in {name}" for name, count in playlists.write().items() if count)
    print(f"punk: {shown(str(arguments.playlists))}: {shown(told) or 'nothing to list'}", file=sys.stderr)
    return DONE if foreseen else UNEXPECTED


def _serve(arguments: argparse.Namespace, overrides: Sequence[str]) -> int:
    from classically_punk.app.serve import serve

    serve([*overrides, *([f"--serve.port={arguments.port}"] if arguments.port is not None else [])])
    return DONE


def _completion(arguments: argparse.Namespace, overrides: Sequence[str]) -> int:
    from classically_punk.app.completion import script

    if overrides:
        raise ConfigError(overrides[0], "completion takes no settings")
    print(script(_parser(), arguments.shell), end="")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
