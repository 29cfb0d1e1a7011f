"""Browsing turns: search, open a result, quote the sentence that answers.

Pages state facts from relations about invented things (banks/facts.py) or from nouns and verbs
(inventing_facts.py). The observations have the formats of `glm_tools.simple_browser`.
Does not do: fetching or indexing anything.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .banks.facts import FILLERS, MENTIONS, RELATIONS
from .functions import polish
from .inventing_facts import PEOPLE, Fact, Subject, facts, sentence, subject, value, way
from .pools import Pools
from .turns import Turn

KINDS: dict[str, list[tuple[str, list[str], list[str]]]] = {}
for _kind, _value, _sentences, _questions in RELATIONS:
    KINDS.setdefault(_kind, []).append((_value, _sentences, _questions))
INVENTED = 0.5  # of training pages state facts from inventing_facts.py, and these in evaluation
INVENTED_KEPT = 0.2


@dataclass
class Page:
    """A page about one thing: its sentences, and what can be asked about them."""

    about: Subject
    sentences: list[str]
    facts: list[Fact] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The name with a capital, without its article."""
        name = self.about.name.removeprefix("the ")
        return name[:1].upper() + name[1:]

    def body(self, rng: random.Random) -> str:
        """The page's text as the browser shows it: one sentence a line, or a few paragraphs."""
        left, lines = self.sentences[:], []
        single = rng.random() < 0.45
        gap = rng.choice(["\n", "\n\n"])
        while left:
            n = 1 if single else rng.randint(3, 6)
            lines.append(" ".join(left[:n]))
            left = left[n:]
        text = ("\n" if single else gap).join(lines)
        if self.links:
            shown = ", ".join(f"【{i}†{name}】" for i, name in enumerate(self.links))
            text += rng.choice(["\n", "\n\n"]) + "See also: " + shown
        head = f"# {self.title}\n" if rng.random() < 0.15 else ""
        return head + text


def page(pools: Pools, kind: str, head: str = "", invented: bool | None = None) -> Page:
    """A new page of a kind; with `head`, its name has this word in it."""
    rng = pools.rng
    about = subject(pools, kind, head)
    if invented is None:
        invented = rng.random() < (INVENTED_KEPT if pools.held_out else INVENTED)
    stated = facts(pools, about) if invented else _stated(pools, about)
    texts = [fact.sentence for fact in stated]
    count = rng.choice((0, 0, 1, 2, 3, 4))
    texts += [sentence(text, name=about.name) for text in rng.sample(FILLERS, count)]
    if rng.random() < 0.3:
        other = subject(pools, rng.choice(list(KINDS)), about.head if rng.random() < 0.5 else "")
        if other.name != about.name:
            texts.append(sentence(rng.choice(MENTIONS), name=about.name, other=other.name))
    rng.shuffle(texts)
    made = Page(about, texts, stated)
    if rng.random() < 0.2:
        made.links = [
            subject(pools, rng.choice(list(KINDS))).name.removeprefix("the ")
            for _ in range(rng.randint(1, 4))
        ]
    return made


def _stated(pools: Pools, about: Subject) -> list[Fact]:
    """Facts from the bank's relations of the subject's kind."""
    rng = pools.rng
    relations = KINDS[about.kind]
    made: list[Fact] = []
    for index in rng.sample(range(len(relations)), rng.randint(3, len(relations))):
        wanted, variants, questions = relations[index]
        text = way(about, variants, rng)
        if text.startswith("{name} ") and about.kind not in PEOPLE and rng.random() < 0.04:
            text = text.replace("{name}", "It", 1)
        said = sentence(text, name=about.name, value=value(pools, wanted, about))
        asked = [sentence(template, name=about.name) for template in questions]
        made.append(Fact(said, asked[:-2], asked[-2:]))
    return made


def question_about(pools: Pools, target: Page, train: bool) -> tuple[str, str]:
    """A question about the page and the sentence that answers it."""
    fact = pools.rng.choice(target.facts)
    return pools.rng.choice(fact.questions if train else fact.kept), fact.sentence


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
        more = rng.choice(item.sentences)
        if more != snippet and rng.random() < 0.4:
            snippet += " " + more
        lines.append(f" # 【{number}†{item.title}†{host}】\n{snippet}")
    return "\n".join(lines) + "\nVisible: 0% - 100%"


NOTHING = "I found nothing about that."


SEARCHES = [
    "Search: ",
    "Look this up: ",
    "Search the web: ",
    "Find out: ",
    "Please search for this: ",
    "Search for this: ",
    "Can you look this up: ",
]


def _others(pools: Pools, target: Page) -> list[Page]:
    """Up to four more pages that a search finds: most share a word with the target's name."""
    rng = pools.rng
    made: list[Page] = []
    titles = {target.title.lower()}
    counts = (0, 1, 1, 2, 2, 3, 4) if pools.held_out else (0, 0, 1, 1, 1, 2, 2, 3)
    for _ in range(rng.choice(counts)):
        head = target.about.head if rng.random() < 0.65 else ""
        alike = rng.random() < (0.2 if head else 0.6)
        kind = target.about.kind if alike else rng.choice(list(KINDS))
        other = page(pools, kind, head)
        if other.title.lower() not in titles:
            titles.add(other.title.lower())
            made.append(other)
    return made


def turn(pools: Pools, train: bool, first_quote: int = 7) -> Turn:
    """A question that needs the browser, through to the cited answer."""
    rng = pools.rng
    target = page(pools, rng.choice(list(KINDS)))
    roll = rng.random()
    if roll < 0.04:
        return _open_url(pools, target)
    question, answer = question_about(pools, target, train)
    spoken = polish(question, rng, [])
    if train and rng.random() < 0.1:
        spoken = rng.choice(SEARCHES) + spoken
    others = _others(pools, target)
    made = Turn("browser", spoken)
    payload = f'search("{query_of(spoken)}")'
    if roll < 0.09:
        shown = (
            results(pools, others)
            if others
            else f"No results for: {query_of(spoken)}\nVisible: 0% - 100%"
        )
        made.call("simple_browser", payload, [("browser_result", shown)])
        made.answer = NOTHING
        return made
    pages = [target, *others]
    if rng.random() < 0.35:  # the right page is mostly the first, but never surely
        rng.shuffle(pages)
    made.call("simple_browser", payload, [("browser_result", results(pools, pages, answer))])
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
    made.answer = f"{answer} 【{first_quote}†source】"
    made.expect = answer
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
