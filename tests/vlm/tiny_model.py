"""A vision-language model of a few thousand weights, built on the spot: a folder as `save_pretrained` makes it.

It is a Qwen2-VL with random weights, so all code that runs is that of a real one: picture into patches, patches into
tokens, chat template, generation. Its replies are noise, unless it is given one to say. Then the layers of its language
model add nothing, and its last matrix leads from the end of every prompt to one token that is the whole reply, and from
there to the end; pictures are still read.
"""

from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Qwen2TokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

#: Tokens with a meaning of their own; the first one pads.
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

_TEXTS = (
    "温和不刺激，质感升级，终身保修。商品标题：属性：图片上有文本框，请为每个框写一句文案。",
    '{"1": "好用", "2": "[0, 12]"}',
)

_TEMPLATE = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}\
{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}\
{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

_WIDTH = 32


def build(folder: Path, reply: str | None = None) -> Path:
    """Write a model.

    Args:
        folder: folder to write.
        reply: what the model says to everything; by default noise.
    """
    tokenizer = _tokenizer(reply)
    number = tokenizer.convert_tokens_to_ids
    size = {"shortest_edge": 28 * 28, "longest_edge": 112 * 112}  # 16 tokens for a square picture
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessor(size=size), tokenizer, Qwen2VLVideoProcessor(), chat_template=_TEMPLATE
    )
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": _WIDTH,
            "intermediate_size": 2 * _WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": 4096,
            "bos_token_id": number(SPECIAL[0]),
            "eos_token_id": number("<|im_end|>"),
            "pad_token_id": number(SPECIAL[0]),
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
        },
        vision_config={"depth": 1, "embed_dim": 32, "num_heads": 2, "hidden_size": _WIDTH, "mlp_ratio": 2},
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration(config)
    if reply is not None:
        [begin] = tokenizer.encode("\n")
        _lead(model, {begin: number(reply), number(reply): number("<|im_end|>")})
    model.generation_config.eos_token_id = number("<|im_end|>")
    model.generation_config.pad_token_id = number(SPECIAL[0])
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _tokenizer(reply: str | None) -> Qwen2TokenizerFast:
    """A byte-level tokenizer that knows every text, and the reply as one token."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=letters, show_progress=False)
    inner.train_from_iterator(_TEXTS * 9, trainer)
    tokenizer = Qwen2TokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token=SPECIAL[0],
        unk_token=None,
        additional_special_tokens=list(SPECIAL),
    )
    if reply is not None:
        tokenizer.add_tokens([AddedToken(reply, normalized=False, special=False)])
    return tokenizer


@torch.no_grad()
def _lead(model: Qwen2VLForConditionalGeneration, successors: dict[int, int]) -> None:
    """Set weights so that each of some tokens is followed by one other token, whatever came before."""
    language = model.model.language_model
    for layer in language.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    model.lm_head.weight.zero_()
    for token, successor in successors.items():
        vector = language.embed_tokens.weight[token]
        model.lm_head.weight[successor] = vector / vector.norm()
