"""Train ``verse.gguf``, a Llama-architecture model of 1.1 million parameters.

The text is the King James Bible as Debian packages it (``apt-get install
bible-kjv``); the ``bible`` command prints it. Four stages follow one another:
text, tokenizer, training, export. Each can be run on its own and leaves its
result in the work folder::

    python train_verse.py text tokenizer train export --work build/verse

Packages, none of which the product itself needs: torch, sentencepiece, gguf,
numpy. ``verse.md`` beside this file records the run that made the shipped
weights.
"""

import argparse
import math
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import torch
from torch import nn
from torch.nn import functional

UNKNOWN, BEGIN, END = 0, 1, 2
"""Token ids that the tokenizer is trained with and that the GGUF records."""

HELD_OUT_STRIDE, HELD_OUT_PHASE = 33, 16
"""Chapters whose number modulo the stride is the phase are never trained on."""

HELD_OUT_SAMPLE = ("Jdgs4", "Psa100", "Prv16", "Acts22")
"""Held-out chapters written to ``verse_heldout.txt``, whole."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Dimensions of the model, all of them counts, and its two constants."""

    width: int = 128
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    head_width: int = 32
    hidden: int = 384
    vocabulary: int = 1024
    context: int = 512
    rope_base: float = 10000.0
    epsilon: float = 1e-5


# ---------------------------------------------------------------- text


def read_chapters() -> list[tuple[str, list[str]]]:
    """Print the whole book with the ``bible`` command and split it.

    Returns
    -------
    list of (name, verses)
        One entry a chapter, in order; the name is the program's own
        abbreviation and number (``Ps23``), the verses are without numbers.
    """
    command = ["bible", "-f", "-l", "100000", "gen1:1-rev22:21"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    chapters: dict[str, list[str]] = {}
    for line in printed.stdout.splitlines():
        name, verse = re.fullmatch(r"(\w+):\d+ (.+)", line).groups()
        chapters.setdefault(name, []).append(verse.strip())
    return list(chapters.items())


def is_held_out(number: int) -> bool:
    """Whether the chapter of this number, counted from 0, is kept for testing."""
    return number % HELD_OUT_STRIDE == HELD_OUT_PHASE


def write_text(work: Path, held_out_file: Path) -> None:
    """Write the chapters for training and for testing, one verse a line.

    In ``train.txt`` and ``test.txt`` an empty line ends each chapter; the
    sample in ``held_out_file`` has none.
    """
    parts: dict[bool, list[str]] = {False: [], True: []}
    sample = []
    for number, (name, verses) in enumerate(read_chapters()):
        chapter = "".join(f"{verse}\n" for verse in verses)
        parts[is_held_out(number)].append(chapter)
        if name in HELD_OUT_SAMPLE:
            if not is_held_out(number):
                raise ValueError(f"{name} is chapter {number}, which is trained on")
            sample.append(chapter)
    (work / "train.txt").write_text("\n".join(parts[False]))
    (work / "test.txt").write_text("\n".join(parts[True]))
    held_out_file.write_text("".join(sample))


def read_part(path: Path) -> list[list[str]]:
    """Return the chapters of a file that `write_text` made, as lists of verses."""
    return [chapter.split("\n") for chapter in path.read_text().strip().split("\n\n")]


# ----------------------------------------------------------- tokenizer


def train_tokenizer(work: Path, shape: Shape) -> None:
    """Train a byte-pair encoding with byte fallback on the training verses.

    The line feed stays out of the vocabulary and is therefore always the
    byte token ``<0x0A>``. A verse after a line feed has no leading space, so
    the words that open verses must also be learned without one: the trainer
    sees the verses as they are, and `encode_start` puts the space there.
    """
    verses = [verse for chapter in read_part(work / "train.txt") for verse in chapter]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(verses),
        model_prefix=str(work / "verse"),
        model_type="bpe",
        vocab_size=shape.vocabulary,
        byte_fallback=True,
        character_coverage=1.0,
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        max_sentence_length=10_000,
        unk_id=UNKNOWN,
        bos_id=BEGIN,
        eos_id=END,
        minloglevel=1,
    )


def load_tokenizer(work: Path) -> sentencepiece.SentencePieceProcessor:
    """Return the tokenizer that `train_tokenizer` left in the work folder."""
    return sentencepiece.SentencePieceProcessor(model_file=str(work / "verse.model"))


def encode_start(tokenizer: sentencepiece.SentencePieceProcessor, text: str) -> list[int]:
    """Encode a text that opens a sequence: begin token, then a space before it."""
    return [BEGIN, *tokenizer.encode(" " + text)]


class Corpus:
    """Token ids of chapters, cut into windows that open with a verse.

    Parameters
    ----------
    chapters
        Lists of verses.
    tokenizer
        The tokenizer of this model.
    """

    def __init__(self, chapters: list[list[str]], tokenizer: sentencepiece.SentencePieceProcessor) -> None:
        self.opening: list[list[int]] = []  # a verse as the first of a sequence
        self.rest: list[int] = []  # where the text after that verse goes on
        stream: list[int] = []
        for chapter in chapters:
            for number, verse in enumerate(chapter):
                opening = encode_start(tokenizer, verse + "\n")
                plain = opening if number == 0 else tokenizer.encode(verse + "\n")
                stream.extend(plain)
                self.opening.append(opening)
                self.rest.append(len(stream))
            stream.append(END)
        self.stream = np.array(stream, dtype=np.int64)

    def window(self, verse: int, tokens: int) -> np.ndarray:
        """Return `tokens` ids from the start of one verse on, int64."""
        opening = self.opening[verse]
        after = np.arange(self.rest[verse], self.rest[verse] + tokens) % len(self.stream)
        return np.concatenate([opening, self.stream[after]])[:tokens]

    def batch(self, rng: np.random.Generator, rows: int, tokens: int) -> torch.Tensor:
        """Return windows from random verses, int64 of shape (rows, tokens)."""
        verses = rng.integers(len(self.opening), size=rows)
        return torch.from_numpy(np.stack([self.window(v, tokens) for v in verses]))


# --------------------------------------------------------------- model


class Norm(nn.Module):
    """Divide by the root mean square and scale (RMSNorm)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.width))
        self.epsilon = shape.epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., width) to (..., width)."""
        return functional.rms_norm(x, self.weight.shape, self.weight, self.epsilon)


def rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Turn adjacent pairs of (..., tokens, head_width), as GGUF's ``llama`` does."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = (even * cosine - odd * sine, even * sine + odd * cosine)
    return torch.stack(turned, dim=-1).flatten(-2)


class Block(nn.Module):
    """One decoder layer: grouped-query attention, then a SwiGLU network."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        queries = shape.heads * shape.head_width
        keys = shape.kv_heads * shape.head_width
        self.shape, self.dropout = shape, dropout
        self.attn_norm, self.ffn_norm = Norm(shape), Norm(shape)
        self.attn_q = nn.Linear(shape.width, queries, bias=False)
        self.attn_k = nn.Linear(shape.width, keys, bias=False)
        self.attn_v = nn.Linear(shape.width, keys, bias=False)
        self.attn_output = nn.Linear(queries, shape.width, bias=False)
        self.ffn_gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_down = nn.Linear(shape.hidden, shape.width, bias=False)

    def attend(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        """Map (rows, tokens, width) to the same shape, each token seeing those before."""
        split = (*x.shape[:2], -1, self.shape.head_width)
        q, k, v = (linear(x).view(split).transpose(1, 2) for linear in (self.attn_q, self.attn_k, self.attn_v))
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        group = self.shape.heads // self.shape.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        mixed = functional.scaled_dot_product_attention(q, k, v.to(q.dtype), is_causal=True)
        return self.attn_output(mixed.transpose(1, 2).flatten(2))

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        """Map (rows, tokens, width) to the same shape."""
        attended = self.attend(self.attn_norm(x), cosine, sine)
        x = x + functional.dropout(attended, self.dropout, self.training)
        h = self.ffn_norm(x)
        h = self.ffn_down(functional.silu(self.ffn_gate(h)) * self.ffn_up(h))
        return x + functional.dropout(h, self.dropout, self.training)


class Model(nn.Module):
    """The decoder, its embedding also the output matrix."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.output_norm = Norm(shape)
        pairs = torch.arange(0, shape.head_width, 2) / shape.head_width
        angle = torch.arange(shape.context)[:, None] * shape.rope_base**-pairs
        self.register_buffer("cosine", angle.cos(), persistent=False)
        self.register_buffer("sine", angle.sin(), persistent=False)
        self.initialise(shape)

    def initialise(self, shape: Shape) -> None:
        """Draw the matrices; those that write to the residual start smaller."""
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                residual = name.endswith(("attn_output.weight", "ffn_down.weight"))
                deviation = 0.05 / math.sqrt(2 * shape.layers) if residual else 0.05
                nn.init.normal_(weight, std=deviation)

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the negative log-likelihood in nat, float32, one a target.

        Parameters
        ----------
        tokens, targets
            int64, (rows, tokens); a target is the token that follows.
        """
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, self.cosine[: tokens.shape[1]], self.sine[: tokens.shape[1]])
        logits = functional.linear(self.output_norm(x), self.token_embd.weight)
        return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")


# ------------------------------------------------------------ training


def learning_rate(progress: float, peak: float) -> float:
    """Warm up over the first 2 %, then a cosine down to 2 % of the peak."""
    if progress < 0.02:
        return peak * (progress + 1e-3) / 0.021
    along = min(1.0, (progress - 0.02) / 0.98)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * along)))


def window_shape(options: argparse.Namespace, progress: float) -> tuple[int, int]:
    """Return rows and ids of a micro-batch: later half as many, twice as long."""
    stretch = 2 if progress >= options.stretch_at else 1
    return options.rows // stretch, options.tokens * stretch + 1


def make_optimizer(model: Model, decay: float) -> torch.optim.AdamW:
    """Return AdamW that decays the matrices and leaves the norms."""
    matrices = [p for p in model.parameters() if p.ndim == 2]
    norms = [p for p in model.parameters() if p.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": decay},
        {"params": norms, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), fused=True)


@torch.no_grad()
def evaluate(model: Model, windows: list[list[int]]) -> float:
    """Return the mean negative log-likelihood a token, in nat, over all windows."""
    model.eval()
    losses = []
    for window in windows:
        ids = torch.tensor(window)[None]
        losses.append(model(ids[:, :-1], ids[:, 1:]))
    model.train()
    return torch.cat(losses).mean().item()


def make_windows(
    chapters: list[list[str]], tokenizer: sentencepiece.SentencePieceProcessor, context: int
) -> list[list[int]]:
    """Encode each chapter on its own and cut it so that each piece fits the context."""
    windows = []
    for chapter in chapters:
        ids = encode_start(tokenizer, "\n".join(chapter) + "\n")[1:]
        pieces = (ids[i : i + context] for i in range(0, len(ids), context))
        windows += [[BEGIN, *piece] for piece in pieces]
    return windows


def train(work: Path, shape: Shape, options: argparse.Namespace) -> None:
    """Train and leave ``verse.pt`` in the work folder, renewed at every test.

    With ``--minutes`` the schedule follows the clock, with ``--steps`` it
    counts; ``verse.md`` says which was used.
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    tokenizer = load_tokenizer(work)
    corpus = Corpus(read_part(work / "train.txt"), tokenizer)
    windows = make_windows(read_part(work / "test.txt"), tokenizer, shape.context)
    model = Model(shape, options.dropout)
    optimizer = make_optimizer(model, options.decay)
    loss_of = torch.compile(model, dynamic=False) if options.compile else model
    print(f"{len(corpus.stream)} training tokens, {sum(map(len, windows))} test tokens", flush=True)

    started, step, progress, recent = time.monotonic(), 0, 0.0, []
    while progress < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(progress, options.peak)
        for _ in range(options.micro_batches):
            ids = corpus.batch(rng, *window_shape(options, progress))
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(ids[:, :-1], ids[:, 1:]).mean()
            (loss / options.micro_batches).backward()
            recent.append(loss.item())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        minutes = (time.monotonic() - started) / 60
        progress = minutes / options.minutes if options.minutes else step / options.steps
        if step % options.test_every == 0 or progress >= 1.0:
            torch.save(model.state_dict(), work / "verse.pt")
            print(
                f"step {step} minutes {minutes:.1f} rate {optimizer.param_groups[0]['lr']:.5f} "
                f"train {np.mean(recent):.4f} test {evaluate(model, windows):.4f}",
                flush=True,
            )
            recent = []


# -------------------------------------------------------------- export


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: sentencepiece.SentencePieceProcessor) -> None:
    """Store pieces, scores and types the way llama.cpp reads them."""
    kinds, count = [], tokenizer.get_piece_size()
    for i in range(count):
        if tokenizer.is_unknown(i):
            kinds.append(gguf.TokenType.UNKNOWN)
        elif tokenizer.is_control(i):
            kinds.append(gguf.TokenType.CONTROL)
        elif tokenizer.is_byte(i):
            kinds.append(gguf.TokenType.BYTE)
        else:
            kinds.append(gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([tokenizer.id_to_piece(i) for i in range(count)])
    writer.add_token_scores([tokenizer.get_score(i) for i in range(count)])
    writer.add_token_types(kinds)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)


def add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """Store the dimensions under llama.cpp's keys."""
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)


def export(work: Path, shape: Shape, target: Path) -> None:
    """Write the trained weights as GGUF: matrices Q8_0, norms F32.

    The file appears under its name only when it is complete.
    """
    partial = target.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "llama")
    writer.add_name("verse")
    writer.add_description("1.1 million parameters, trained on the King James Bible")
    writer.add_license("Apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_shape(writer, shape)
    add_tokenizer(writer, load_tokenizer(work))
    for name, weight in torch.load(work / "verse.pt").items():
        values = weight.float().numpy()
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(target)


# ------------------------------------------------------------- command


def parse() -> argparse.Namespace:
    """Read the command line; the defaults come close to the run that made the shipped weights."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="+", choices=["text", "tokenizer", "train", "export"])
    parser.add_argument("--work", type=Path, default=Path("build/verse"))
    parser.add_argument("--target", type=Path, default=here / "verse.gguf")
    parser.add_argument("--held-out", type=Path, default=here / "verse_heldout.txt")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=3709, help="optimizer steps")
    length.add_argument("--minutes", type=float, help="let the clock end the schedule")
    parser.add_argument("--rows", type=int, default=4, help="windows in a micro-batch")
    parser.add_argument("--tokens", type=int, default=256, help="tokens in a window")
    parser.add_argument("--stretch-at", type=float, default=0.75, help="progress of 2x tokens")
    parser.add_argument("--micro-batches", type=int, default=4, help="per optimizer step")
    parser.add_argument("--peak", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--decay", type=float, default=0.1, help="weight decay")
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1611)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--test-every", type=int, default=400, help="steps between tests")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    return parser.parse_args()


def main() -> None:
    """Run the stages named on the command line, in their order there."""
    options, shape = parse(), Shape()
    options.work.mkdir(parents=True, exist_ok=True)
    for stage in options.stages:
        if stage == "text":
            write_text(options.work, options.held_out)
        elif stage == "tokenizer":
            train_tokenizer(options.work, shape)
        elif stage == "train":
            train(options.work, shape, options)
        else:
            export(options.work, shape, options.target)


if __name__ == "__main__":
    main()
