"""What an author can set about fine-tuning."""

from __future__ import annotations

from pydantic import Field

from config.source import Strict
from nlu.component import SEED
from nlu.spans import Prioritised


class FineTuning(Strict):
    model: str = "e5-small-zh"
    """What is fine-tuned: `e5-small-zh`, the path of a folder, or `org/name` of Hugging Face's hub."""
    epochs: int = Field(16, ge=1, le=1000)
    """At most; fewer where the held-out texts are no longer understood better."""
    learning_rate: float | None = Field(None, gt=0, lt=1)
    """Of the encoder's last layer; by itself the smaller the wider the model is. The heads learn ten times as fast,
    each earlier layer `layer_decay` as fast."""
    layer_decay: float = Field(0.9, gt=0, le=1)
    batch: int = Field(16, ge=2, le=1024)
    patience: int = Field(4, ge=1)
    """Epochs without an improvement on the held-out texts, after which the best one is taken."""
    contrastive: bool | None = None
    """Few-shot mode: first pull texts of one intent together and others apart. By itself below 20 an intent."""
    refit: bool | None = None
    """Once the number of epochs is known, train again on everything. By itself below 2,000 examples."""
    train_embeddings: bool = False
    """Whether the table of words learns too: worth it only with very many examples."""
    quantize: bool = True
    """Serve in eight-bit integers, unless that changes what the model says."""
    threads: int = Field(1, ge=1)
    """Of training. More are faster where cores are idle; the last digits of the weights depend on it."""
    seed: int = SEED


class JointOptions(FineTuning, Prioritised):
    """Those of the component that finds entities too."""
