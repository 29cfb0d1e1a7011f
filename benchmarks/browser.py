"""Reading pages: the main text, against trafilatura, resiliparse, readability-lxml, beautifulsoup4.

    pip install 'glm-agent[bench,train]'
    python benchmarks/browser.py [../shared/web/dev]

The folder holds pages of seven kinds (`html/ID.html.gz`) with their true main text
(`truth/ID.json`). Scored is word F1 as WCXB counts it: words of the text and of the truth as two
bags, link and image marks left out. Each page is read by all five in turn, so that they share
whatever else the machine does; times are wall-clock, ours with the way to the worker process and
back. The trees that ours ships with have been fitted on these very pages, and their row says so. The
row under it is the honest one: each page is scored by trees fitted on the other four fifths, pages
of one site always in the same fifth (`training/reading.py`). It needs the extra `train` and takes a minute.

Does not do: fetching; judging links, tables and code, which the peers treat in ways of their own.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import logging
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from glm_tools.web import extract

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT.parent / "shared" / "web" / "dev"
MARK = re.compile(r"【\d+†([^†】]*)(?:†[^】]*)?】|\[Image \d+\]")


def ours(body: bytes, url: str) -> str:
    markdown = extract(body, url, "text/html").markdown
    return MARK.sub(lambda found: found[1] or "", markdown)


def by_trafilatura(body: bytes, url: str) -> str:
    import trafilatura

    return trafilatura.extract(body, url=url) or ""


def by_resiliparse(body: bytes, url: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import detect_encoding
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse_from_bytes(body, detect_encoding(body) or "utf-8")
    return extract_plain_text(tree, main_content=True, alt_texts=False)


def by_readability(body: bytes, url: str) -> str:
    from lxml import html
    from readability import Document

    return " ".join(html.fromstring(Document(body).summary()).itertext())


def by_beautifulsoup(body: bytes, url: str) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(body, "lxml")
    for tag in soup(["script", "style", "noscript", "template"]):
        tag.decompose()
    return soup.get_text(" ")


READERS: dict[str, Callable[[bytes, str], str]] = {
    "ours": ours,
    "trafilatura": by_trafilatura,
    "resiliparse": by_resiliparse,
    "readability-lxml": by_readability,
    "beautifulsoup4": by_beautifulsoup,
}


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def f1(text: str, truth: str) -> float:
    found, wanted = words(text), words(truth)
    both = (found & wanted).total()
    return 2 * both / (found.total() + wanted.total()) if both else 0.0


def row(scores: dict[str, list[float]], kinds: list[str]) -> str:
    return "".join(f"{statistics.mean(scores[kind]):11.3f}" for kind in kinds)


def unseen(folder: Path) -> defaultdict[str, list[float]]:
    """By kind, F1 of each page by trees that saw no page of its site; empty without lightgbm."""
    scores: defaultdict[str, list[float]] = defaultdict(list)
    if importlib.util.find_spec("lightgbm") is None:
        return scores
    sys.path.insert(0, str(ROOT))
    from training.reading import cross_scores, load

    samples = load(folder)
    for sample, score in zip(samples, cross_scores(samples, 5), strict=True):
        scores[sample.kind].append(score)
        scores["all"].append(score)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    folder: Path = parser.parse_args().folder
    cards = sorted((folder / "truth").glob("*.json"))
    if not cards:
        print(f"no pages in {folder}; name a folder with html/ and truth/")
        return
    logging.disable(logging.ERROR)  # the peers comment on many pages
    scores: dict[str, defaultdict[str, list[float]]] = {n: defaultdict(list) for n in READERS}
    times: dict[str, list[float]] = {name: [] for name in READERS}
    for name, read in READERS.items():  # what is loaded on first use is not a page's time
        read(b"<title>x</title><p>warm <b>up</b>, a sentence that is long enough.</p>" * 20, "")
        times[name].clear()
    for path in cards:
        card = json.loads(path.read_text("utf-8"))
        body = gzip.decompress((folder / "html" / f"{path.stem}.html.gz").read_bytes())
        for name, read in READERS.items():
            start = time.perf_counter()
            try:
                text = read(body, card["url"])
            except Exception as error:  # noqa: BLE001 # a peer's failure is its score
                print(f"{name} fails on {path.stem}: {type(error).__name__}")
                text = ""
            times[name].append(1000 * (time.perf_counter() - start))
            score = f1(text, card["main_content"])
            scores[name][card["type"]].append(score)
            scores[name]["all"].append(score)
    kinds = ["all", *sorted(kind for kind in scores["ours"] if kind != "all")]
    print(f"{len(cards)} pages: mean word F1, median and 95th percentile of milliseconds a page\n")
    print(f"{'':17}" + "".join(f"{kind[:10]:>11}" for kind in kinds) + "    median     p95")
    base = statistics.median(times["ours"])
    other = unseen(folder)
    for name in READERS:
        spent = sorted(times[name])
        late = spent[int(len(spent) * 0.95)]
        shown = "ours, fitted here" if name == "ours" else name
        print(f"{shown:17}{row(scores[name], kinds)}{statistics.median(spent):10.1f}{late:8.1f}")
        if name == "ours" and other:
            print(f"{'ours, unseen':17}{row(other, kinds)}")
    print()
    if not other:
        print("what ours scores on unseen pages is left out: pip install 'glm-agent[train]'")
    for name in READERS:
        if name != "ours":
            theirs = statistics.mean(scores[name]["all"])
            fitted = f"F1 x {statistics.mean(scores['ours']['all']) / theirs:.3f} fitted"
            fair = f", x {statistics.mean(other['all']) / theirs:.3f} unseen" if other else ""
            pace = statistics.median(times[name]) / base
            print(f"ours / {name}: {fitted}{fair}, speed x {pace:.2f}")


if __name__ == "__main__":
    main()
