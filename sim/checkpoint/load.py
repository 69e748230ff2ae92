"""A model by its name or its path."""

from pathlib import Path

from devicemodels.errors import UserError
from sim.checkpoint.folder import read_folder
from sim.checkpoint.gguf_file import GgufFile, open_gguf
from sim.checkpoint.gguf_shape import read_shape
from sim.checkpoint.gguf_tensors import TensorReader, read_layer
from sim.checkpoint.gguf_tokenizer import read_tokenizer
from sim.checkpoint.model import Model
from sim.checkpoint.published import PUBLISHED, fetched
from sim.console import Progress, Silent

_MODELS = Path(__file__).parents[1] / "models"
_SUFFIX = ".gguf"


def model_names() -> tuple[str, ...]:
    """Return the names of the models that come with Spinstream."""
    return tuple(sorted(path.stem for path in _MODELS.glob("*" + _SUFFIX)))


def load_model(name_or_path: str | Path, progress: Progress | None = None) -> Model:
    """Load a Llama model by its name, or by the path of a GGUF or of a folder as Hugging Face publishes it.

    Names are those of the models that come with Spinstream, and of the published ones (`published.PUBLISHED`), which
    are fetched on first use; ``progress`` is told when that happens.

    Matrices of `Q8_0`, `Q4_0` and `Q4_1` keep their codes; F32, F16 and BF16 are quantised to `Q8_0` groups
    (`quantise`), so ``values()`` of a matrix are what every later stage means by the model's weights.

    Raises
    ------
    UserError
        One sentence with the file and the thing at fault: an unknown name, a file that is missing, truncated,
        damaged or foreign, metadata or tensors that are missing, misshapen or not supported, or a published model
        that cannot be fetched.
    """
    path = _find(name_or_path, progress or Silent())
    return read_folder(path) if path.is_dir() else _read_model(open_gguf(path))


def _find(name_or_path: str | Path, progress: Progress) -> Path:
    path = Path(name_or_path)
    if str(name_or_path) in PUBLISHED:
        return fetched(str(name_or_path), progress)
    if str(name_or_path) in model_names():
        return _MODELS / f"{name_or_path}{_SUFFIX}"
    if path.suffix or len(path.parts) > 1 or path.exists():
        return path
    known = ", ".join(f'"{name}"' for name in (*model_names(), *PUBLISHED))
    raise UserError(
        f'There is no model "{name_or_path}": give a known name ({known}) or the path of a GGUF file or of a folder.'
    )


def _read_model(file: GgufFile) -> Model:
    shape, tensors = read_shape(file), TensorReader(file)
    embedding = tensors.matrix("token_embd.weight", shape.vocab, shape.dim)
    model = Model(
        name=file.text("general.name", file.path.stem),
        licence=file.text("general.license", "unknown"),
        shape=shape,
        tokenizer=read_tokenizer(file),
        embedding=embedding,
        layers=tuple(read_layer(tensors, index, shape) for index in range(shape.layers)),
        norm=tensors.vector("output_norm.weight", shape.dim),
        head=embedding if shape.tied else tensors.matrix("output.weight", shape.vocab, shape.dim),
        chat_template=file.text("tokenizer.chat_template", ""),
    )
    tensors.finish()
    return model
