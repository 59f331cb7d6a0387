"""Every error of the package is one sentence for people, whichever module raises it."""

import pkgutil
from importlib import import_module

import pytest

import emo_core
from emo_core.cli import commands
from emo_core.cli.main import main
from emo_core.errors import EmoError

INTERNAL = {"SeekFailed"}  # caught where it is raised: decoding goes on without seeking


def defined_errors() -> dict[str, type[BaseException]]:
    """Every exception class that a module of the package defines, by name."""
    found = {}
    for module in pkgutil.walk_packages(emo_core.__path__, "emo_core."):
        for name, thing in vars(import_module(module.name)).items():
            own = getattr(thing, "__module__", "") == module.name
            if own and isinstance(thing, type) and issubclass(thing, BaseException):
                found[name] = thing
    return found


def test_every_error_of_the_package_derives_from_one_base():
    found = defined_errors()
    assert {"ClipError", "CorpusError", "RecipeError", "UsageError", *INTERNAL} <= found.keys()
    others = {name for name, kind in found.items() if not issubclass(kind, EmoError)}
    assert others == INTERNAL


def test_every_error_of_the_page_derives_from_it_too():
    from demo.sessions import BusyError
    from demo.settings import LimitError
    from demo.upload_checks import UserError

    assert all(issubclass(kind, EmoError) for kind in (BusyError, LimitError, UserError))


@pytest.mark.parametrize("base", [EmoError, ValueError])
def test_a_new_error_is_one_line_exactly_where_it_derives_from_the_base(capsys, monkeypatch, base):
    class PlantedError(base):
        pass

    def card(args):
        raise PlantedError("the card is blank; expected text; write one.")

    monkeypatch.setattr(commands, "print_card", card)
    assert main(["card", "group-collage"]) == 2
    out, err = capsys.readouterr()
    sentence = "emo: the card is blank; expected text; write one.\n"
    assert out == "" and (err == sentence) == (base is EmoError)
    assert len(err.splitlines()) == 1
