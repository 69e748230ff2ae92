"""Language models as data: by name, or from the path of a config.json."""

import tomllib
from functools import cache
from pathlib import Path

from devicemodels.errors import UserError
from sim.system.config_file import read_config
from sim.system.language_model import LanguageModel
from sim.system.names import find, nearest

TABLE = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))


def model_names() -> list[str]:
    """Names of all models, sorted."""
    return sorted(TABLE)


@cache
def load_model(name_or_path: str) -> LanguageModel:
    """A model by its name, or from the path of a `config.json` of the folder that holds one, or of a GGUF.

    Raises
    ------
    UserError
        No model has that name (the message says the nearest and which there are); the file is not JSON, lacks a
        field, or describes what the equations do not.
    """
    text = str(name_or_path)
    name = find(text, {one: table.get("aliases", ()) for one, table in TABLE.items()})
    if name:
        sizes = {key: value for key, value in TABLE[name].items() if key not in ("source", "where", "kind", "aliases")}
        return LanguageModel(name=name, **sizes)
    path = Path(text)
    if (path / "config.json").is_file():
        return read_config(path / "config.json")
    if path.suffix == ".json" or (path.is_file() and path.suffix != ".gguf"):
        return read_config(path)
    if path.suffix == ".gguf" or text in shipped_names():
        return _from_checkpoint(text)
    known = [*model_names(), *shipped_names()]
    raise UserError(f"no model is called '{text}': {nearest(text, known)}, or give the path of a config.json")


def shipped_names() -> list[str]:
    """Names of the models whose weights come with this project."""
    from sim.checkpoint import model_names

    return model_names()


def _from_checkpoint(name_or_path: str) -> LanguageModel:
    from sim.checkpoint import load_model

    shape = load_model(name_or_path).shape
    sizes = ("layers", "dim", "heads", "kv_heads", "head_dim", "ffn", "vocab", "tied")
    return LanguageModel(name=Path(name_or_path).stem, **{name: getattr(shape, name) for name in sizes})
