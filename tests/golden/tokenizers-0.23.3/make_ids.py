"""Make the recorded ids: SmolLM2's pre-tokenisation in Hugging Face's `tokenizers`, with its words and with few.

Run once with ``tokenizers`` 0.23.3 installed: ``python make_ids.py smollm2.gguf``. The pre-tokeniser is the one that
SmolLM2's ``tokenizer.json`` names: digits one by one, then GPT-2's bytes. `few_words.json` holds a vocabulary that the
library learnt from ``sim/models/winters_tale.txt`` and its ids, `smollm2.json` ids in the model's own vocabulary. The
same comparison over all of the documentation and that text, 100,000 tokens, finds no difference.
"""

import json
import sys
from pathlib import Path

from gguf import GGUFReader, TokenType
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
TEXTS = [
    "Don't I'LL 1984  a\n\nb \n c\t\td",
    "x=12½ ², ⅷé naïve ☃ 日本語 🙂‍↔️ العربية",
    "e\u0301e \u200b\u3000 \x1c\x85",
    "    def f(x):\n        return x**2  # 3.14\n",
    "https://a.b/c?d=e&f=%20 (see 12,345.67)",
    "It's 'twas \u2019s \u201cq\u201d\u2014dash\u2026",
    "Exit, pursued by a bear.\n\nSHEPHERD.\nI would there were no age between ten and three-and-twenty",
]
MESSAGE = "What is gravity?\n"
CHAT = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    f"<|im_start|>user\n{MESSAGE}<|im_end|>\n<|im_start|>assistant\n"
)


def splitting(model):
    """A tokenizer that splits as SmolLM2's does."""
    tokenizer = Tokenizer(model)
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer


def few_words():
    """A vocabulary of 700 words, learnt here."""
    tokenizer = splitting(models.BPE())
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=sorted(alphabet), show_progress=False)
    tokenizer.train([str(HERE.parents[2] / "sim" / "models" / "winters_tale.txt")], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return {"tokens": list(model["vocab"]), "merges": model["merges"], "ids": ids(tokenizer)}


def smollm2(path):
    """The model's own vocabulary."""
    fields = GGUFReader(path).fields
    tokens, kinds, merges = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type", "merges"))
    pairs = [tuple(merge.split(" ")) for merge in merges]
    tokenizer = splitting(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=pairs))
    controls = [token for token, kind in zip(tokens, kinds, strict=True) if kind == TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in controls])
    return {"ids": ids(tokenizer), "message": MESSAGE, "chat": tokenizer.encode(CHAT).ids}


def ids(tokenizer):
    """Each text and its ids."""
    return [[text, tokenizer.encode(text).ids] for text in TEXTS]


def write(name, values):
    """Write a recording."""
    (HERE / name).write_text(json.dumps(values) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write("few_words.json", few_words())
    write("smollm2.json", smollm2(sys.argv[1]))
