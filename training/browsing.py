"""Browsing turns: search, open a result, quote the sentence that answers.

Pages are composed from relations about invented things (banks/facts.py). The observations have the
formats of `glm_tools.simple_browser`. Does not do: fetching or indexing anything.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .banks.facts import FILLERS, RELATIONS
from .functions import polish
from .pools import Pools
from .turns import Turn

KINDS: dict[str, list[tuple[str, str, list[str], list[str], list[str]]]] = {}
for _kind, _names, _values, _sentences, _questions, _queries in RELATIONS:
    KINDS.setdefault(_kind, []).append((_names, _values, _sentences, _questions, _queries))


@dataclass
class Page:
    """A page about one thing: its sentences, and which sentence states which relation."""

    kind: str
    name: str
    sentences: list[str]
    facts: dict[int, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The name with a capital, without its article."""
        name = self.name.removeprefix("the ")
        return name[:1].upper() + name[1:]

    def body(self, rng: random.Random) -> str:
        """The page's text as the browser shows it: a heading, then a few paragraphs."""
        left, lines = self.sentences[:], []
        single = rng.random() < 0.6
        while left:
            n = 1 if single else rng.randint(2, 6)
            lines.append(" ".join(left[:n]))
            left = left[n:]
        if self.links:
            lines.append(
                "See also: " + ", ".join(f"【{i}†{name}】" for i, name in enumerate(self.links))
            )
        head = f"# {self.title}\n" if rng.random() < 0.2 else ""
        return head + "\n".join(lines)


def _fill(template: str, name: str, value: str = "") -> str:
    text = template.replace("{name}", name).replace("{value}", value)
    return text[:1].upper() + text[1:]


def page(pools: Pools, kind: str) -> Page:
    """A new page of a kind."""
    rng = pools.rng
    relations = KINDS[kind]
    made = Page(kind, pools.pick(relations[0][0]), [])
    chosen = rng.sample(range(len(relations)), rng.randint(min(3, len(relations)), len(relations)))
    sentences: list[str] = []
    for index in chosen:
        _, value_pool, variants, _, _ = relations[index]
        sentence = _fill(rng.choice(variants), made.name, pools.pick(value_pool))
        made.facts[index] = sentence
        sentences.append(sentence)
    sentences += [_fill(text, made.name) for text in rng.sample(FILLERS, rng.randint(0, 4))]
    rng.shuffle(sentences)
    made.sentences = sentences
    if rng.random() < 0.35:
        made.links = [
            pools.invented(capital=True) + rng.choice(["", " Bridge", " Park"])
            for _ in range(rng.randint(1, 4))
        ]
    return made


def question_about(pools: Pools, target: Page, train: bool) -> tuple[str, str]:
    """A question about the page and the sentence that answers it."""
    rng = pools.rng
    index = rng.choice(list(target.facts))
    questions = KINDS[target.kind][index][3]
    template = rng.choice(questions[:-1]) if train else questions[-1]
    return _fill(template, target.name), target.facts[index]


def query_of(question: str) -> str:
    """What the embedded model searches for: the question, without its last punctuation."""
    return question.rstrip(" ?.!").replace('"', "")


def _host(pools: Pools) -> str:
    return pools.rng.choice(
        [
            "demo.glm-agent.example",
            "demo.glm-agent.example",
            pools.pick("domain"),
            "www." + pools.pick("domain"),
        ]
    )


def results(pools: Pools, pages: list[Page], wanted: str = "") -> str:
    """The text of a search's observation."""
    rng = pools.rng
    host, lines = _host(pools), []
    for number, item in enumerate(pages):
        host = host if rng.random() < 0.8 else _host(pools)
        snippet = (
            wanted
            if wanted in item.sentences and rng.random() < 0.6
            else rng.choice(item.sentences)
        )
        if rng.random() < 0.4:
            snippet += " " + rng.choice(item.sentences)
        lines.append(f" # 【{number}†{item.title}†{host}】\n{snippet}")
    return "\n".join(lines) + "\nVisible: 0% - 100%"


NOTHING = "I found nothing about that."


def turn(pools: Pools, train: bool, first_quote: int = 7) -> Turn:
    """A question that needs the browser, through to the cited answer."""
    rng = pools.rng
    kind = rng.choice(list(KINDS))
    target = page(pools, kind)
    roll = rng.random()
    if roll < 0.06:
        return _open_url(pools, target)
    question, sentence = question_about(pools, target, train)
    spoken = polish(question, rng, [])
    if train and rng.random() < 0.15:
        spoken = (
            rng.choice(
                [
                    "Search: ",
                    "Look this up: ",
                    "Search the web: ",
                    "Find out: ",
                    "Please search for this: ",
                ]
            )
            + spoken
        )
    others = [
        page(pools, kind if rng.random() < 0.6 else rng.choice(list(KINDS)))
        for _ in range(rng.randint(0, 4))
    ]
    made = Turn("browser", spoken)
    payload = f'search("{query_of(spoken)}")'
    if roll < 0.12:
        shown = (
            results(pools, others)
            if others
            else f"No results for: {query_of(spoken)}\nVisible: 0% - 100%"
        )
        made.call("simple_browser", payload, [("browser_result", shown)])
        made.answer = NOTHING
        return made
    pages = [*others, target]
    rng.shuffle(pages)
    made.call("simple_browser", payload, [("browser_result", results(pools, pages, sentence))])
    found = pages.index(target)
    if rng.random() < 0.03:
        text = f"recorded='click({found})' temporary=None permanent='Error fetching url https://{_host(pools)}/{pools.pick('word')}' new_state=None final=None success=False feedback='Error fetching url https://{_host(pools)}/' metadata={{}}"
        made.call("simple_browser", f"mclick([{found}])", [("system_error", text)])
        made.answer = "I could not open the page."
        return made
    made.call(
        "simple_browser",
        f"mclick([{found}])",
        [(f"quote_result [{first_quote}†source]", target.body(rng))],
    )
    made.answer = f"{sentence} 【{first_quote}†source】"
    made.expect = sentence
    return made


def _open_url(pools: Pools, target: Page) -> Turn:
    rng = pools.rng
    url = pools.pick("url")
    made = Turn(
        "browser",
        polish(
            rng.choice(
                [
                    f"Open {url}",
                    f"What is on {url} ?",
                    f"Read {url} for me",
                    f"What does the page {url} say?",
                    f"Go to {url} and tell me what it is about",
                ]
            ),
            rng,
            [url],
        ),
    )
    text = f"TITLE: {target.title}\n\n\nURL: {url}\n{target.body(rng)}\nVisible: 0% - 100%"
    made.call("simple_browser", f'open_url("{url}")', [("browser_result", text)])
    made.answer = f"The page is titled {target.title}. {target.sentences[0]}"
    return made
