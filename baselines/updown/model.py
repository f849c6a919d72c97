"""Up-Down: two LSTMs around attention over image cells (Anderson et al., CVPR 2018), for boxes on an image.

Shapes: B boxes, G attended cells, K info characters, T caption characters, D width, V vocabulary.

Every step: h1 = LSTM1([h2; mean cell; box; word]); attention over the cells, asked by h1, and with product info over
its characters; h2 = LSTM2([seen; read; h1]); scores W h2 + b.

Invariant: padded characters are masked before the softmax, so weights add up to 1 over real ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from baselines.captioner import Captioner
from baselines.inputs import Inputs
from baselines.updown.config import UpDownConfig
from reference_model.batch import Batch
from reference_model.embeddings import Words


class AdditiveAttention(nn.Module):
    """Additive attention without biases: scores w . tanh(W_v v_i + W_h h), a softmax over real ones, a weighted sum."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.value = nn.Linear(width, hidden, bias=False)
        self.query = nn.Linear(width, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, query: Tensor, values: Tensor, projected: Tensor, real: Tensor | None) -> Tensor:
        """Attend to the values.

        Args:
            query: the query vector, (B, D).
            values: the vectors to attend to, (B, N, D).
            projected: `self.value` of the values, (B, N, hidden); the same at all steps.
            real: True where a value is real, (B, N); None if all are.

        Returns:
            The weighted sum of the values, (B, D).
        """
        scores = self.score(torch.tanh(projected + self.query(query)[:, None])).squeeze(2)
        if real is not None:
            scores = scores.masked_fill(~real, -torch.inf)
        return (scores.softmax(dim=1)[:, None] @ values).squeeze(1)


@dataclass
class UpDownState:
    """Inputs that stay the same over the steps, and the states of both LSTMs, (B, D) each."""

    fixed: tuple[Tensor, ...]  # mean cell and box
    cells: tuple[Tensor, ...]  # attended cells and their projections
    info: tuple[Tensor, ...] | None  # characters, their projections, which are real
    h1: Tensor
    c1: Tensor
    h2: Tensor
    c2: Tensor

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        self.fixed = tuple(x[rows] for x in self.fixed)
        self.cells = tuple(x[rows] for x in self.cells)
        self.info = tuple(x[rows] for x in self.info) if self.info is not None else None
        self.h1, self.c1, self.h2, self.c2 = (x[rows] for x in (self.h1, self.c1, self.h2, self.c2))


class UpDown(Captioner):
    """Up-Down with a box and, with product info, text attention (TAtt)."""

    def __init__(self, config: UpDownConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config: UpDownConfig = config
        d, hidden, tatt = config.model.width, config.updown.attention, config.inputs.info
        # Captions are read one character after the other; only product info needs positions.
        self.words = Words(config.model, vocabulary_size, positioned=tatt)
        self.inputs = Inputs(config, norm=config.model.balanced_inputs)
        self.lstm1 = nn.LSTMCell(4 * d, d)
        self.lstm2 = nn.LSTMCell(3 * d if tatt else 2 * d, d)
        self.look = AdditiveAttention(d, hidden)
        self.read = AdditiveAttention(d, hidden) if tatt else None
        self.output = nn.Linear(d, vocabulary_size)
        self.drop = nn.Dropout(config.model.dropout)
        self.initialise()
        for lstm in (self.lstm1, self.lstm2):
            nn.init.zeros_(lstm.bias_hh)
            nn.init.zeros_(lstm.bias_ih)
            nn.init.ones_(lstm.bias_ih[d : 2 * d])  # the forget gate's

    def start(self, batch: Batch) -> UpDownState:
        """Encode the batch, and begin with LSTM states of zero."""
        cells, box = self.inputs.cells(batch)[batch.image_of_box], self.inputs.box(batch)
        mean = cells.mean(dim=1)
        if self.config.updown.attend_location:
            cells = torch.cat([cells, box[:, None]], dim=1)
        info: tuple[Tensor, ...] | None = None
        if self.read is not None:
            characters, real = self.inputs.info(batch, self.words)
            info = tuple(x[batch.image_of_box] for x in (characters, self.read.value(characters), real))
        zero = torch.zeros_like(box)
        return UpDownState((mean, box), (cells, self.look.value(cells)), info, zero, zero, zero, zero)

    def _advance(self, state: UpDownState, words: Tensor) -> Tensor:
        """Take one step over embedded characters, (B, D) to (B, D)."""
        state.h1, state.c1 = self.lstm1(torch.cat([state.h2, *state.fixed, words], dim=1), (state.h1, state.c1))
        found = [self.look(state.h1, *state.cells, None)]
        if self.read is not None and state.info is not None:
            found.append(self.read(state.h1, *state.info))
        state.h2, state.c2 = self.lstm2(torch.cat([*found, state.h1], dim=1), (state.h2, state.c2))
        return self.drop(state.h2)

    def hidden(self, batch: Batch, given: Tensor) -> Tensor:
        """States at all given positions, computed one step after the other."""
        state, words = self.start(batch), self._embed(given)
        return torch.stack([self._advance(state, words[:, t]) for t in range(given.shape[1])], dim=1)

    def step(self, state: UpDownState, characters: Tensor, position: int) -> Tensor:
        """Advance both LSTMs by one character of each caption, and return the logits of the next."""
        return self.output(self._advance(state, self._embed(characters)))

    def _embed(self, characters: Tensor) -> Tensor:
        return self.drop(self.words.table(characters) * self.words.scale)
