"""A tiny transformer with random weights, in a folder as Hugging Face saves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TINY = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "max_position_embeddings": 80,
}  # fmt: skip
TINY_DISTILBERT = {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128, "max_position_embeddings": 80}
WORDS = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
SHOP = "政帮看单把退订单快递包裹查询物流退款钱货申请坏质量客服工真"
SHOP += "活您好早晚嗨哈喽呀吗运费邮多少谁买免票开电专苹果手机送什么怎"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def vocabulary() -> list[str]:
    latin = "0123456789abcdefghijklmnopqrstuvwxyz"
    return [*SPECIAL, *dict.fromkeys(WORDS + SHOP), *latin, *(f"##{one}" for one in latin), ",", "?", "!"]


def tokenizer(folder: Path) -> None:
    words = vocabulary()
    special = [
        {"id": n, "content": one, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
        for n, one in enumerate(SPECIAL)
    ]  # fmt: skip
    between = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    folding = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True}
    told = {
        "version": "1.0", "added_tokens": special, "normalizer": folding, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": between, "decoder": None, "truncation": None,
        # sentence-transformers leaves this behind; one text needs no padding
        "padding": {"strategy": {"Fixed": 32}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "[PAD]"},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {word: n for n, word in enumerate(words)}},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(told))


def write_tiny(folder: Path, kind: str = "bert", **changes: Any) -> Path:
    """A model of `kind` (bert, roberta, distilbert, electra, ernie), its weights from a fixed seed."""
    import torch
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(5)
    size = (TINY_DISTILBERT if kind == "distilbert" else TINY) | changes
    config = AutoConfig.for_model(kind, vocab_size=len(vocabulary()), pad_token_id=0, **size)
    folder.mkdir(parents=True, exist_ok=True)
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer(folder)
    return folder
