"""Fit the trees that tell the main text of a page from its furniture (glm_tools.web.reading).

    python -m training.reading ../shared/web/dev [--score-only]

Needs lightgbm (extra `train`). The data: a folder with `html/ID.html.gz` and
`truth/ID.json` (`url`, `type`, `main_content`), such as the 140 pages of WCXB (CC-BY-4.0, Murrough
Foley; see docs/browser.md). A block's target is the share of its words that stand, in threes, in the
true main text. Each page weighs about the same, however long it is.

Reported is word F1 on pages that the trees have not seen: once each half of the sites scored by
trees fitted on the other half, once in five parts. Pages of one site are always in one part. The
trees that are written are fitted on all pages; what they score on these says little.

Does not do: choosing features or settings by page.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import lightgbm
import numpy
from glm_tools.web.reading import choice
from glm_tools.web.reading.blocks import Block, blocks_of, join
from glm_tools.web.reading.charset import decode
from glm_tools.web.reading.features import features
from glm_tools.web.reading.meta import Known, known_of
from glm_tools.web.reading.page import Links
from glm_tools.web.reading.second import shares_in
from glm_tools.web.reading.tree import Sight, parse, tamed

ROUNDS = 150
SETTINGS = {
    "objective": "cross_entropy",
    "learning_rate": 0.07,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "extra_trees": True,  # thresholds drawn by chance: few pages, so the spread is what costs
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5,
    "deterministic": True,
    "num_threads": 1,
    "seed": 1,
    "verbose": -1,
}
_MARK = re.compile(r"【\d+†([^†】]*)(?:†[^】]*)?】|\[Image \d+\]")


@dataclass
class Sample:
    kind: str
    site: str
    truth: str
    source: str
    known: Known
    blocks: list[Block]
    rows: list[list[float]]
    targets: list[float]
    words: list[int]


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def f1(text: str, truth: str) -> float:
    """Word F1 as WCXB counts it, marks of links and images left out."""
    ours = Counter(words_of(_MARK.sub(lambda found: found[1] or "", text)))
    theirs = Counter(words_of(truth))
    shared = sum((ours & theirs).values())
    return 2 * shared / (sum(ours.values()) + sum(theirs.values())) if shared else 0.0


def load(folder: Path) -> list[Sample]:
    samples: list[Sample] = []
    for path in sorted((folder / "truth").glob("*.json")):
        card = json.loads(path.read_text("utf-8"))
        text, _ = decode(gzip.decompress((folder / "html" / f"{path.stem}.html.gz").read_bytes()))
        text = tamed(text)
        root = parse(text)
        known = known_of(root, card["url"])
        body = next(root.iter("body"), root)
        blocks = blocks_of(body, Links(card["url"]), Sight(root))
        truth = card["main_content"]
        shares = shares_in(truth, blocks, once=False)
        counts = [len(words_of(block.bare)) for block in blocks]
        site = ".".join((urlsplit(card["url"]).hostname or path.stem).split(".")[-2:])
        rows = features(blocks, known) if blocks else []
        samples.append(Sample(card["type"], site, truth, text, known, blocks, rows, shares, counts))
    return samples


def fit(samples: list[Sample]) -> lightgbm.Booster:
    rows = numpy.array([row for s in samples for row in s.rows], dtype=numpy.float32)
    wanted = numpy.array([share for s in samples for share in s.targets])
    weights = [
        (count / max(50, len(words_of(s.truth)))) ** 0.5 for s in samples for count in s.words
    ]
    return lightgbm.train(SETTINGS, lightgbm.Dataset(rows, wanted, weight=weights), ROUNDS)


def cross_scores(samples: list[Sample], parts: int) -> list[float]:
    """F1 of each page, scored by trees that have seen no page of its site."""
    sites = sorted({sample.site for sample in samples})
    random.Random(0).shuffle(sites)
    part = {site: n % parts for n, site in enumerate(sites)}
    scores = [0.0] * len(samples)
    for n in range(parts):
        trees = fit([sample for sample in samples if part[sample.site] != n])
        for at, sample in enumerate(samples):
            if part[sample.site] == n and sample.rows:
                rows = numpy.array(sample.rows, dtype=numpy.float32)
                shares: list[float] = numpy.asarray(trees.predict(rows)).tolist()
                kept = choice.kept(shares, sample.blocks, sample.known, sample.source)
                scores[at] = f1(join(sample.blocks[k] for k in kept), sample.truth)
    return scores


def show(name: str, samples: list[Sample], scores: list[float]) -> None:
    kinds: defaultdict[str, list[float]] = defaultdict(list)
    for sample, score in zip(samples, scores, strict=True):
        kinds[sample.kind].append(score)
    shown = "  ".join(f"{kind} {sum(s) / len(s):.3f}" for kind, s in sorted(kinds.items()))
    print(f"{name}: {sum(scores) / len(scores):.3f}  ({shown})", flush=True)


def exported(trees: lightgbm.Booster) -> list[list[list[float]]]:
    """Trees as `choice.py` reads them: nodes in preorder, children by index, leaves as floats."""
    return [_nodes(info["tree_structure"]) for info in trees.dump_model()["tree_info"]]


def _nodes(root: dict[str, Any]) -> list[list[float]]:
    nodes: list[list[float]] = []

    def add(node: dict[str, Any]) -> float:
        if "leaf_value" in node:
            return float(f"{node['leaf_value']:.5g}")
        at = len(nodes)
        nodes.append([])
        threshold = float(f"{node['threshold']:.7g}")
        nodes[at] = [node["split_feature"], threshold, add(node["left_child"]), 0]
        nodes[at][3] = add(node["right_child"])
        return at

    if "leaf_value" in root:  # a tree without a split
        return [[0, 0.0, float(root["leaf_value"]), float(root["leaf_value"])]]
    add(root)
    return nodes


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--score-only", action="store_true", help="write no trees")
    parser.add_argument("--write-only", action="store_true", help="report no scores")
    options = parser.parse_args()
    samples = load(options.folder)
    if not options.write_only:
        show("halves", samples, cross_scores(samples, 2))
        show("fifths", samples, cross_scores(samples, 5))
    if not options.score_only:
        trees = exported(fit(samples))
        about = "fitted by training/reading.py on the 140 pages of ../shared/web/dev (WCXB dev)"
        target = Path(choice.__file__).with_name("trees.json")
        rows = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in trees)
        target.write_text(f'{{"about": {json.dumps(about)}, "trees": [\n{rows}\n]}}\n', "utf-8")
        print(f"{target.name}: {len(trees)} trees, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
