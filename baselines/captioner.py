"""The interface of trainer and decoder, for a network that gives its hidden states.

Shapes: B boxes, T caption characters, D width, V vocabulary.
"""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from reference_model.batch import Batch
from reference_model.config import Config
from reference_model.embeddings import GridFeatures
from reference_model.losses import generation_loss
from reference_model.model import initialise
from reference_model.training.decoding import write


class Captioner(nn.Module, ABC):
    """A network that captions; subclasses give `hidden`, `start` and `step`."""

    config: Config
    output: nn.Module  # from hidden states to the vocabulary

    @abstractmethod
    def hidden(self, batch: Batch, given: Tensor) -> Tensor:
        """Hidden states that predict the character after each of the given ones, (B, T) to (B, T, D)."""

    def hidden_at(self, batch: Batch, given: Tensor, places: Tensor) -> Tensor:
        """States of `hidden` at some places, (M, D); a network that goes step by step need not make the others.

        Args:
            batch: images with their boxes.
            given: the characters, (B, T).
            places: rows and columns, (2, M), in each row the first ones, at least one.
        """
        return self.hidden(batch, given)[places[0], places[1]]

    @abstractmethod
    def start(self, batch: Batch) -> Any:
        """Read everything but the captions, once, for `step`."""

    @abstractmethod
    def step(self, state: Any, characters: Tensor, position: int) -> Tensor:
        """Read the characters at a position, (B,), and return the logits of the next ones, (B, V)."""

    def loss(self, batch: Batch) -> Tensor:
        """The summed loss of the batch, divided by `batch.normaliser`."""
        given, targets = batch.captions[:, :-1], batch.captions[:, 1:]
        places, cg = batch.target_places(), self.config.cg
        logits = self.output(self.hidden_at(batch, given, places))
        return generation_loss(logits, targets, places, cg.label_smoothing, cg.reduce) / batch.normaliser

    forward = loss  # what DistributedDataParallel calls

    def full_logits(self, batch: Batch, captions: Tensor) -> Tensor:
        """Logits at every caption position in one pass, (B, T, V); what decoding is tested against."""
        return self.output(self.hidden(batch, captions))

    def generate(self, batch: Batch, *, beam: int = 1) -> list[list[int]]:
        """Captions as character ids, without special ones; see `training.decoding`."""
        return write(self, batch, self.config.inputs.max_caption - 1, beam)

    def initialise(self) -> None:
        """Initialise as the reference model does (`model.initialise`); the backbone keeps the weights it came with."""
        features = [module for module in self.modules() if isinstance(module, GridFeatures)]
        kept = [{name: value.clone() for name, value in module.state_dict().items()} for module in features]
        initialise(self, balanced=self.config.model.balanced_inputs)
        for module, weights in zip(features, kept, strict=True):
            module.load_state_dict(weights)
