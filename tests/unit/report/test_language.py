"""The languages of a report: complete catalogues, and no sentence that goes past them."""

import difflib
import html
import io
import json
import re
import string
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image
import pypdf
import pypdfium2
import pytest
from babel.messages.pofile import read_po
from pydantic import TypeAdapter

from commands.options import LanguageCode
from docs import messages, sentences
from docs.key_finding_sentences import KEY_FINDINGS
from docs.rule_sentences import RULES
from harness.grid.thresholds import DECLARED
from harness.judge import timing
from harness.judge.observation import Death
from harness.language import ENGLISH, Language, Sentence, sentence, shown, tr, use
from harness.plan import stopping
from harness.records.findings import Finding, Severity
from harness.records.study import Decision
from harness.records.trial import TrialRecord
from report import build, elements, language, phrases
from report.model import Report
from report.output import ci_summary, pdf
from report.output import html as output
from tests.builders import grid, trial_data
from tests.golden_study import GOLDEN, PRICES, SCALE, STUDIES, made, page
from tests.unit.report.test_golden import LARGEST_DIFFERENCE

KOREAN = language.of("ko")
CATALOGUES = sorted(language.TRANSLATIONS.glob("*.po"))
REQUIREMENTS = {"harness/judge/rules/__init__.py"}
OF_A_STUDY = {
    "harness/summarise/cells/slow_server.py",
    "harness/summarise/cells/steadiness.py",
    "harness/summarise/gains/machine_speed.py",
    "harness/summarise/statistics/block_model.py",
    "harness/summarise/summary.py",
}
AGAIN = "; 'python -m docs.messages' updates the catalogues, then translate the new messages"
BEGIN, END = "\u27e6", "\u27e7"  # around each message of the pseudo-language
HANGUL = re.compile("[\uac00-\ud7a3]")
WORD = re.compile(r"[A-Za-z]{2,}")
# Particles whose form depends on the last sound of the word before them.
PARTICLE = re.compile(r"\{\w*[^}]*\}(은|는|이|가|을|를|과|와|로|으로|이면|이며|이고|라|이라)(?=[\s,.;:)]|$)")
# Words that stay: units and formulas, software, protocols, and files.
KEPT = {"ms", "req", "TPS", "CPU", "UTC", "GB", "USD", "TCP", "HTTP", "nginx", "Locust", "Docker", "Python", "Debian"}
MADE_AGAIN = {"cause", "next_step", "message", "reason", "next_bottleneck"}  # keys of texts with a message and facts
NAMES = {"pydantic", "history", "predict"}  # of packages and requests in the golden studies


class Recorded(Mapping[str, str]):
    """A catalogue that records the messages which it lacks."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.missing: set[str] = set()

    def __getitem__(self, message: str) -> str:
        if message not in self._known:
            self.missing.add(message)
        return self._known[message]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class Pseudo(Recorded):
    """A catalogue of every message, which it puts between marks."""

    def __getitem__(self, message: str) -> str:
        return message if BEGIN in message or message not in self._known else f"{BEGIN}{message}{END}"


def fields(text: str) -> list[tuple[str, str | None]]:
    """Placeholders with their formats."""
    return sorted((name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None)


def rendered(name: str, into: Path, of: Language, monkeypatch: pytest.MonkeyPatch) -> str:
    """The visible text and text alternatives of a golden study in a language."""
    monkeypatch.setattr(language, "of", lambda _: of)
    monkeypatch.setattr(elements, "MOST_WORDS", 10_000)  # a field that is cut would have one of its marks only
    report, summary = build.model_of(made(name, into), language=of.code)
    with use(of):
        return "\n".join([page(report), ci_summary.markdown(report, summary), ci_summary.junit(report, summary)])


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_a_catalogue_has_every_message_of_the_code_and_no_other(path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file)
    entries = {str(entry.id): entry for entry in catalogue if entry.id}
    wanted = set(messages.found())
    assert sorted(wanted - entries.keys()) == [], "missing" + AGAIN
    assert sorted(entries.keys() - wanted) == [], "not in the code" + AGAIN
    assert [message for message, entry in entries.items() if not entry.string] == [], "not translated"
    assert [message for message, entry in entries.items() if entry.fuzzy] == [], "fuzzy"


def test_every_language_of_the_commands_has_a_catalogue() -> None:
    assert tuple(code.value for code in LanguageCode) == language.CODES
    assert {path.stem for path in CATALOGUES} == {*language.CODES} - {"en"}


def test_a_translation_has_the_placeholders_of_its_message() -> None:
    wrong = {message: text for message, text in KOREAN.catalogue.items() if fields(message) != fields(text)}
    assert wrong == {}


def test_korean_needs_no_particle_that_depends_on_a_fact() -> None:
    """A number or a name may end in a vowel or a consonant, so that no form of a particle would be right."""
    assert [text for text in KOREAN.catalogue.values() if PARTICLE.search(text)] == []


def test_every_sentence_of_page_one_has_an_entry_with_numbers_in_the_reference() -> None:
    """docs/reference/sentences.md has the condition of each and an example in every language."""
    places = messages.found()
    page_one = {text for text, place in places.items() if place == "report/sentences/headline.py"}
    counted = {text for text in page_one if text.startswith("{number} ")}
    assert page_one - counted - sentences.ENTRIES.keys() == set(), "add an entry to docs/sentences.py"
    assert sentences.ENTRIES.keys() - places.keys() == set(), "these messages no longer exist"
    for message, entry in sentences.ENTRIES.items():
        assert {name for name, _ in fields(message)} == entry.facts().keys(), message
        with use(KOREAN):
            assert tr(message, **entry.facts()), message


def test_every_finding_has_an_example_with_numbers_in_the_reference() -> None:
    """Those of evidence rules over trials, over cells and over a study, and the key findings of page 1."""
    of_rules = {
        text
        for text, place in messages.found().items()
        if (place.startswith("harness/judge/rules/") and place not in REQUIREMENTS) or place in OF_A_STUDY
    }
    key_findings = {text for text, place in messages.found().items() if place == "report/sentences/findings.py"}
    examples = [*KEY_FINDINGS, *(each for of_rule in RULES.values() for each in of_rule)]
    used = {message for example in examples for made in example.sentences() for message in made.messages()}
    counted = {text for text in key_findings if text.startswith("{number} ")}
    assert (of_rules | key_findings) - used - counted == set(), "add an example to docs/"
    for example in examples:
        for language_ in (ENGLISH, KOREAN):
            with use(language_):
                text = example.text()
            assert not re.search("[{}]", text), example
            assert language_ is ENGLISH or HANGUL.search(text), example
    assert RULES.keys() - {"any rule"} <= {f"E{number}" for number in range(1, 26)}


def test_a_recorded_finding_is_made_again_in_the_language_of_the_report() -> None:
    death = Death("{server} died with exit code {code}", {"code": 3})
    cause = sentence("{deaths} during the trial", deaths=death.of("a"))
    found = TypeAdapter(Finding).validate_json(
        TypeAdapter(Finding).dump_json(
            Finding.of(rule="E8", severity=Severity.INVALID, cause=cause, next_step=sentence("repeat the trial"))
        )
    )
    assert (found.cause, found.cause_text) == ("a died with exit code 3 during the trial",) * 2
    with use(KOREAN):
        assert found.cause_text == "시행 중 a: 종료 코드 3, 비정상 종료"
        assert found.next_step_text == KOREAN.catalogue["repeat the trial"]


def nested(depth: int) -> Sentence:
    found = sentence("repeat the trial")
    for _ in range(depth):
        found = sentence("{deaths} during the trial", deaths=found)
    return found


@pytest.mark.parametrize(
    "recorded",
    [
        None,  # of an earlier version
        sentence("a message of another version: {server}", server="a"),
        sentence("{deaths} during the trial", deaths=sentence("{server} vanished", server="a")),
        sentence("{count} generator processes were lost"),  # without its fact
        sentence("the CPU utilization of the busiest generator process was {share}", load="1"),
        sentence(
            "the generator counts {at_generator:,.0f} requests in flight, the balancer {at_balancer:,.0f}",
            at_generator="x",
            at_balancer=1,
        ),
        sentence("{deaths.__class__} during the trial", deaths="a"),
        nested(2000),
    ],
)
def test_a_recorded_text_without_a_known_message_stays_english(recorded: Sentence | None) -> None:
    with use(KOREAN):
        assert shown("recorded", recorded) == "recorded"


@pytest.mark.parametrize("name", STUDIES)
def test_the_report_makes_no_message_that_the_catalogue_lacks(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = Recorded(KOREAN.catalogue)
    rendered(name, tmp_path, Language("ko", catalogue), monkeypatch)
    english = {text for text in catalogue.missing if WORD.search(text) and not HANGUL.search(text)}
    assert english == set()


@pytest.mark.parametrize("name", STUDIES)
def test_every_sentence_of_the_page_goes_through_the_catalogue(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a language that marks its messages, the words outside the marks are names, units and recorded texts."""
    text = rendered(name, tmp_path, Language("xx", Pseudo(dict.fromkeys(messages.found(), ""))), monkeypatch)
    text = re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)  # the grid and the balancer's configuration
    text = re.sub(rf"<td>({'|'.join(DECLARED)})(?=<)", "", text)
    shown = html.unescape("\n".join([*re.findall(r">([^<>]+)<", text), *re.findall(r'aria-label="([^"]*)"', text)]))
    outside = without_marked(shown).replace("\u00a0", " ")
    for recorded in sorted(recorded_texts(tmp_path / f"golden-{name}-0123abcd"), key=len, reverse=True):
        outside = outside.replace(recorded, "").replace(phrases.capitalised(recorded), "")
    assert set(WORD.findall(outside)) - KEPT - NAMES == set()


def without_marked(text: str) -> str:
    """The text outside all marks, which may be nested."""
    depth, kept = 0, []
    for character in text:
        depth += (character == BEGIN) - (character == END)
        if depth == 0:
            kept.append(character)
    assert depth == 0
    return "".join(kept)


def recorded_texts(study: Path) -> set[str]:
    """The names, versions and paths in a study's files, but no plain word, which may be one of the report.

    Findings and reasons are no such text: the report makes them of their messages and facts.
    """
    paths = [*study.glob("*.json"), *study.rglob("trial.json")]
    texts = {text for path in paths for text in strings(json.loads(path.read_text(encoding="utf-8")))}
    trials = {str(path.parent.relative_to(study / "trials")) for path in paths if path.name == "trial.json"}
    return (
        {text for text in texts if WORD.search(text) and not text.isalpha()} | trials | {f"{host}:" for host in PRICES}
    )


def strings(value: object) -> Iterator[str]:
    """Every text in a JSON value, of its keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (key, *(() if key in MADE_AGAIN else strings(each)))


@pytest.fixture(scope="module")
def korean(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Report, bytes]]:
    """The Korean report of a golden study and its PDF, by the study's name; a PDF takes seconds."""

    @cache
    def get(name: str) -> tuple[Report, bytes]:
        report, _ = build.model_of(made(name, tmp_path_factory.mktemp(name)), language="ko")
        return report, pdf.pdf(report)

    return get


def test_a_korean_report_has_its_language_and_fonts_and_the_same_bytes_twice(
    korean: Callable[[str], tuple[Report, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    warnings: list[str] = []
    report, printed = korean("closed")
    content = output.html(report)
    assert '<html lang="ko">' in content
    assert content.count(f"font-family:{KOREAN.font};") == 2
    assert content == output.html(report)
    assert pdf.pdf(report, warn=warnings.append) == printed
    assert warnings == []
    assert [entry.message for entry in caplog.records if entry.message.startswith("Ignored")] == []
    fonts = {
        str(font.get_object()["/BaseFont"])
        for sheet in pypdf.PdfReader(io.BytesIO(printed)).pages
        for font in sheet["/Resources"]["/Font"].values()  # type: ignore[index] # a PDF dictionary
    }
    assert any(KOREAN.font.replace(" ", "-") in font for font in fonts), fonts


def test_data_and_tables_are_the_same_in_every_language(tmp_path: Path) -> None:
    written = {}
    for code in language.CODES:
        study = made("closed", tmp_path / code)
        build.write(study, {"data"}, language=code)
        written[code] = {
            file.name: file.read_bytes() for file in study.path.iterdir() if file.suffix != ".json" and file.is_file()
        }
    assert written["ko"] == written["en"]
    assert {"cells.csv", "gains.csv", "results.parquet"} <= written["en"].keys()


@pytest.mark.parametrize("name", STUDIES)
def test_the_korean_page_is_the_approved_one(korean: Callable[[str], tuple[Report, bytes]], name: str) -> None:
    report, printed = korean(name)
    approved = (GOLDEN / name / "page.ko.html").read_text(encoding="utf-8")
    changes = difflib.unified_diff(approved.splitlines(), page(report).splitlines(), lineterm="", n=0)
    assert list(changes) == [], "'make golden' renders the approved pages again, then look at every page"
    drawn = np.asarray(first_page(printed).convert("L"), dtype=float)
    first = np.asarray(PIL.Image.open(GOLDEN / name / "first.ko.png").convert("L"), dtype=float)
    assert drawn.shape == first.shape
    assert np.abs(drawn - first).mean() < LARGEST_DIFFERENCE


def first_page(content: bytes) -> PIL.Image.Image:
    """The first page of a PDF, as it was approved."""
    picture: PIL.Image.Image = pypdfium2.PdfDocument(content)[0].render(scale=SCALE, grayscale=True).to_pil()
    return picture


def test_a_recorded_decision_is_made_again_and_is_the_same_without_its_sentence() -> None:
    found = stopping.decide(grid(repeats=5).repeats, 0.05, 5, [])
    assert found.why_text == found.why == "all 5 requested blocks are measured"
    with use(KOREAN):
        assert found.why_text == "요청한 블록 5개 모두 측정"
    assert found.is_same(Decision(go_on=False, why=found.why)), "as in records of earlier versions"
    assert not found.is_same(Decision(go_on=False, why="enough"))


def test_the_events_of_a_trial_are_translated_and_lines_of_a_log_are_not() -> None:
    judged = trial_data(2, 2000, 1, 540, 1).record.model_dump(mode="json")
    judged["hosts"]["server-1"]["after"] |= {"running": False, "exit_code": 3}
    judged["figures"]["timeline"] = [[3.0, "no live upstreams"], [4.0, "server-1 died with exit code 3"]]
    record = TrialRecord.model_validate(judged)
    assert timing.events(record) == [(3.0, "no live upstreams"), (4.0, "server-1 died with exit code 3")]
    with use(KOREAN):
        assert timing.events(record) == [(3.0, "no live upstreams"), (4.0, "server-1: 종료 코드 3, 비정상 종료")]
