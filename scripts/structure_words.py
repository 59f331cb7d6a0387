"""The one meaning that each word keeps in identifiers, and the identifiers that break it.

A site is one binding of an identifier: a module, class, function, argument, field, constant or
local variable. Written as "kind module.name", it has to match one of its word's `kept` patterns.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Site(NamedTuple):
    """One identifier where it is bound."""

    kind: str  # module, class, function, argument, field, constant or local
    module: str
    name: str

    def __str__(self) -> str:
        dotted = self.module if self.kind == "module" else f"{self.module}.{self.name}"
        return f"{self.kind} {dotted}"


@dataclass(frozen=True)
class Word:
    """A word with the meaning it keeps."""

    meaning: str
    forms: str  # pattern of the word inside snake_case
    kept: dict[str, str]  # pattern of "kind module.name" -> why it is this meaning
    once: str = "$^"  # pattern of names that only one module may define


LOCAL = {r"local .*": "read beside its definition, in plain English"}

WORDS = {
    "warm": Word(
        "the learning rate's warm-up",
        r"warm\w*",
        {r"\w+ .*\.(lr_)?warmup(_fraction|_steps)?": "the only warm-up the field knows"},
    ),
    "window": Word(
        "a stretch of a clip that is read at once",
        r"windows?",
        {r".*": "also the STFT's window, which has no other name"},
        once=r"(class|function) .*\.(Window|windows)",  # one record, and no hook found by its name
    ),
    "look": Word(
        "the appearance of a drawn person",
        r"look(s|ed|ing)?",
        {r"(class|field|argument|local|constant) emo_core\.synthetic\..*": "drawn people"},
    ),
    "world": Word(
        "all processes of a distributed run",
        r"worlds?",
        {r"\w+ .*\.world_size": "torch.distributed's term"},
    ),
    "alone": Word("none: one modality by itself is unimodal", r"alone", {}),
    "share": Word(
        "a fraction",
        r"shares?",
        {
            r"(argument|field|constant|local) .*": "a number from 0 to 1",
            r"function .*\.\w*(_shares?|shares?_)\w*": "says of what; share() alone does not",
        },
    ),
    "place": Word(
        "where something stands in a made scene",
        r"places?",
        {r"(function|field|argument|local|constant) emo_core\.synthetic\..*": "scenes", **LOCAL},
    ),
    "part": Word(
        "a piece of what is divided beside it",
        r"parts?",
        {
            r"argument .*": "a piece of what the function divides",
            r"function .*\.on_part_data": "starlette's name, overridden",
            **LOCAL,
        },
    ),
    "score": Word(
        "a number given to an answer: a label's by a model, a prediction's by a metric",
        r"scores?",
        {
            r"(?!module|class)\w+ emo_core\.(?!models\.|parts\.|viz\.|view\.).*": "as above",
            r"\w+ .*\.attention_scores?": "Bahdanau's term, whole",
            r"argument emo_core\.(models|parts)\..*": "of attention, before its softmax",
            r"\w+ demo\..*": "as in emo_core",
            **LOCAL,
        },
    ),
    "card": Word(
        "the model card",
        r"cards?",
        {
            r"\w+ emo_core\..*": "a checkpoint's",
            r"\w+ demo\..*\.(model_card\w*|card_text)": "the page's text of it",
        },
    ),
    "story": Word(
        "none: an explanation is built, a line is logged", r"story|stories|tell|told", {}
    ),
}


def snake(name: str) -> str:
    """TowerPretrainHead -> part_reader."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def misplaced(word: Word, found: Iterable[Site]) -> list[str]:
    """Sites where an identifier uses the word in another sense than the one it keeps."""
    forms = re.compile(rf"(^|_)({word.forms})(_|$)")
    own = [site for site in dict.fromkeys(found) if forms.search(snake(site.name))]
    bad = [str(s) for s in own if not any(re.fullmatch(k, str(s)) for k in word.kept)]
    single = [site for site in own if re.fullmatch(word.once, str(site))]
    homes = Counter(site.name for site in single)
    return bad + [f"{site} (one of {homes[site.name]})" for site in single if homes[site.name] > 1]


def sites(tree: ast.Module, module: str) -> Iterator[Site]:
    """Every identifier that a module binds, its own name first; imported names are not its own."""
    yield Site("module", module, module.rpartition(".")[2])
    yield from _inside(tree, module, "constant")


def _inside(node: ast.AST, module: str, kind: str) -> Iterator[Site]:
    """The identifiers bound below a node; `kind` is that of a plain name there."""
    for child in ast.iter_child_nodes(node):
        below = kind
        if isinstance(child, ast.ClassDef):
            yield Site("class", module, child.name)
            below = "field"
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Site("function", module, child.name)
            below = "local"
        elif isinstance(child, ast.Lambda | ast.comprehension | ast.GeneratorExp):
            below = "local"
        elif bound := _bound(child, kind):
            yield Site(*bound[:1], module, *bound[1:])
        yield from _inside(child, module, below)


def _bound(node: ast.AST, kind: str) -> tuple[str, str] | None:
    """(kind, identifier) that the node itself binds."""
    if isinstance(node, ast.arg):
        return "argument", node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return kind, node.id
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return "field", node.attr
    if isinstance(node, ast.ExceptHandler) and node.name:
        return "local", node.name
    return None
