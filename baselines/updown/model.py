"""Up-Down: two LSTMs around attention over image cells (Anderson et al., CVPR 2018), for boxes on an image.

Shapes: B boxes, G attended cells, K info characters, T caption characters, D width, V vocabulary.

Every step: h1 = LSTM1([h2; mean cell; box; word]); attention over the cells, asked by h1, and with product info over
its characters; h2 = LSTM2([seen; read; h1]); scores W h2 + b.

Invariant: padded characters are masked before the softmax, so weights add up to 1 over real ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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
    """What stays the same over the steps, and the states of both LSTMs, (B, D) each."""

    recurrent: tuple[Tensor, ...]  # weights of [h2; h1] in the first LSTM, all weights of the second, and its bias
    gates: Tensor  # what mean cell, box and biases add to the first LSTM's gates, (B, 4 D)
    cells: tuple[Tensor, ...]  # attended cells and their projections
    info: tuple[Tensor, ...] | None  # characters, their projections, which are real
    h1: Tensor
    c1: Tensor
    h2: Tensor
    c2: Tensor

    def reorder(self, rows: Tensor | slice) -> None:
        """Select and reorder rows, as beam search requires."""
        self.gates = self.gates[rows]
        self.cells = tuple(x[rows] for x in self.cells)
        self.info = tuple(x[rows] for x in self.info) if self.info is not None else None
        self.h1, self.c1, self.h2, self.c2 = (x[rows] for x in (self.h1, self.c1, self.h2, self.c2))


class SplitCell(nn.LSTMCell):
    """PyTorch's LSTM cell with the parts of its input apart, so that what a step does not decide is computed before.

    Args:
        inputs: widths of the parts of the input, in the order of the weights' columns.
        width: width of the state, D.
    """

    def __init__(self, inputs: list[int], width: int) -> None:
        super().__init__(sum(inputs), width)
        self.parts = inputs

    def weights(self) -> list[Tensor]:
        """The weights of each part of the input, (4 D, its width) each, and last those of the state, (4 D, D)."""
        return [*torch.split(self.weight_ih, self.parts, dim=1), self.weight_hh]

    def biases(self) -> Tensor:
        """The sum of both biases, (4 D,)."""
        return self.bias_ih + self.bias_hh

    @staticmethod
    def next(gates: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The new state and memory, (B, D) each, from the gates before their nonlinearities, (B, 4 D)."""
        write, keep, new, show = gates.chunk(4, dim=1)
        memory = torch.sigmoid(keep) * memory + torch.sigmoid(write) * torch.tanh(new)
        return torch.sigmoid(show) * torch.tanh(memory), memory


class UpDown(Captioner):
    """Up-Down with a box and, with product info, text attention (TAtt)."""

    def __init__(self, config: UpDownConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config: UpDownConfig = config
        d, hidden, tatt = config.model.width, config.updown.attention, config.inputs.info
        # Captions are read one character after the other; only product info needs positions.
        self.words = Words(config.model, vocabulary_size, positioned=tatt)
        self.inputs = Inputs(config, norm=config.model.balanced_inputs)
        self.lstm1 = SplitCell([d, d, d, d], d)
        self.lstm2 = SplitCell([d, d, d] if tatt else [d, d], d)
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
        cells, box = self.inputs.cells(batch), self.inputs.box(batch)
        of_h2, of_mean, of_box, _, of_h1 = self.lstm1.weights()
        gates = linear(cells.mean(dim=1), of_mean)[batch.image_of_box] + linear(box, of_box, self.lstm1.biases())
        cells = cells[batch.image_of_box]
        if self.config.updown.attend_location:
            cells = torch.cat([cells, box[:, None]], dim=1)
        info: tuple[Tensor, ...] | None = None
        if self.read is not None:
            characters, real = self.inputs.info(batch, self.words)
            info = tuple(x[batch.image_of_box] for x in (characters, self.read.value(characters), real))
        recurrent = (torch.cat([of_h2, of_h1], dim=1), torch.cat(self.lstm2.weights(), dim=1), self.lstm2.biases())
        zero = torch.zeros_like(box)
        return UpDownState(recurrent, gates, (cells, self.look.value(cells)), info, zero, zero, zero, zero)

    def _advance(self, state: UpDownState, words: Tensor) -> None:
        """Take one step over characters, given as what they add to the first LSTM's gates, (B, 4 D)."""
        first, second, bias = state.recurrent
        gates = torch.addmm(state.gates + words, torch.cat([state.h2, state.h1], dim=1), first.t())
        state.h1, state.c1 = SplitCell.next(gates, state.c1)
        found = [self.look(state.h1, *state.cells, None)]
        if self.read is not None and state.info is not None:
            found.append(self.read(state.h1, *state.info))
        gates = linear(torch.cat([*found, state.h1, state.h2], dim=1), second, bias)
        state.h2, state.c2 = SplitCell.next(gates, state.c2)

    def hidden(self, batch: Batch, given: Tensor) -> Tensor:
        """States at all given positions, (B, T) to (B, T, D), computed one step after the other."""
        state, states = self.start(batch), []
        for words in self._embed(given).unbind(dim=1):
            self._advance(state, words)
            states.append(state.h2)
        return self.drop(torch.stack(states, dim=1))

    def hidden_at(self, batch: Batch, given: Tensor, places: Tensor) -> Tensor:
        """See `Captioner.hidden_at`; captions that have ended leave the batch.

        On a GPU they stay: to count them, the program would have to wait for it.
        """
        if places.device.type != "cpu":
            return super().hidden_at(batch, given, places)
        lengths = torch.zeros(len(given), dtype=torch.int64).index_add_(0, places[0], torch.ones_like(places[0]))
        packed = pack_padded_sequence(given[..., None], lengths, batch_first=True, enforce_sorted=False)
        assert packed.sorted_indices is not None
        state = self.start(batch.of_boxes(packed.sorted_indices))
        states = []
        for words in torch.split(self._embed(packed.data[:, 0]), packed.batch_sizes.tolist()):
            if len(words) < len(state.h1):
                state.reorder(slice(len(words)))
            self._advance(state, words)
            states.append(state.h2)
        whole = packed._replace(data=self.drop(torch.cat(states)))
        return pad_packed_sequence(whole, batch_first=True)[0][places[0], places[1]]

    def step(self, state: UpDownState, characters: Tensor, position: int) -> Tensor:
        """Advance both LSTMs by one character of each caption, and return the logits of the next."""
        self._advance(state, self._embed(characters))
        return self.output(self.drop(state.h2))

    def _embed(self, characters: Tensor) -> Tensor:
        """What characters add to the first LSTM's gates, (...) to (..., 4 D)."""
        of_word = self.lstm1.weights()[3]
        return linear(self.drop(self.words.table(characters) * self.words.scale), of_word)
