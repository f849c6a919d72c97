"""Replies as models write them: each that can mean only one thing is read, each other one has a named failure."""

import pytest

from benchmark.vlm.reply import LONGEST, Failure, UnusableReplyError, read_reply

TWO = ["温和不刺激", "好用"]


@pytest.mark.parametrize(
    "reply",
    [
        '{"1": "温和不刺激", "2": "好用"}',
        '{"2": "好用", "1": "温和不刺激"}',
        '```json\n{"1": "温和不刺激", "2": "好用"}\n```',
        '<think>{"1": "草稿", "2": "草稿"}</think>\n{"1": "温和不刺激", "2": "好用"}',
        '想一想 {"1": "草稿", "2": "草稿"}\n</think>\n{"1": "温和不刺激", "2": "好用"}',
        '先写一版 {"1": "温和", "2": "好"}，再改：{"1": "温和不刺激", "2": "好用"} 希望满意。',
        '["温和不刺激", "好用"]',
        '{"captions": ["温和不刺激", "好用"]}',
        '{"文案": [{"编号": 2, "文案": "好用"}, {"编号": 1, "文案": "温和不刺激"}]}',
        '[{"box": 1, "caption": "温和不刺激"}, {"box": 2, "caption": "好用"}]',
        '[{"1": "温和不刺激"}, {"2": "好用"}]',
        '{"1": {"caption": "温和不刺激"}, "2": {"caption": "好用"}}',
        '{"文本框1": "温和不刺激", "box 2": "好用"}',
        '{"1": "“温和不刺激”", "2": "「好用」。"}',
        "｛“1”：“温和不刺激”，“2”：“好用”｝",
        '见图[1]和[2]：{"1": "温和\\u200b不刺激", "2": " 好用\\n"}',
    ],
)
def test_what_means_one_thing_is_read(reply: str) -> None:
    """A good caption that counts as a failure, since a model likes fences, thoughts, lists or Chinese quotes."""
    assert read_reply(reply, [0, 1]) == TWO


@pytest.mark.parametrize(
    ("reply", "stop", "failure"),
    [
        ('{"1": "温和不刺激", "2": "好用"}', "max_tokens", Failure.truncated),
        ('<think>先看第一个框，{"1": "温和", "2": "好用"}', "stop", Failure.truncated),
        ('{"1": "温和不刺激", "2": "好用"}', "content_filter", Failure.refused),
        ("抱歉，我无法为这张图片撰写文案。", "stop", Failure.refused),
        ("I'm sorry, I can't help with that.", "stop", Failure.refused),
        ('{"1": "抱歉，无法识别", "2": "抱歉，无法识别"}', "stop", Failure.refused),
        ("", "stop", Failure.empty),
        ("<think>嗯</think>", "stop", Failure.empty),
        ('{"1": "温和不刺激", "2": "。"}', "stop", Failure.empty),
        ('{"1": "温和不刺激"}', "stop", Failure.wrong_count),
        ('{"1": "温和不刺激", "2": "好用", "3": "多出"}', "stop", Failure.wrong_count),
        ('{"0": "温和不刺激", "1": "好用"}', "stop", Failure.wrong_count),
        ('["温和不刺激", "好用", "多出"]', "stop", Failure.wrong_count),
        ('{"1": "温和不刺激", "2": "好用", "1": "另一句"}', "stop", Failure.duplicated),
        ('[{"box": 1, "caption": "温和"}, {"box": 1, "caption": "好用"}]', "stop", Failure.duplicated),
        ('{"1": "Soft", "2": "Handy"}', "stop", Failure.other_language),
        ('{"1": "' + "长" * (LONGEST + 1) + '", "2": "好用"}', "stop", Failure.too_long),
        ("温和不刺激\n好用", "stop", Failure.unparsable),
        ('{"1": 5, "2": null}', "stop", Failure.unparsable),
        ('{"1": "温和不刺激", "2": "\\ud800好"}', "stop", Failure.unparsable),
        ("[" * 100_000, "stop", Failure.unparsable),
    ],
)
def test_what_leaves_a_doubt_has_a_name(reply: str, stop: str, failure: Failure) -> None:
    """An error message, a refusal or half a reply that is scored as a caption, or captions of the wrong boxes."""
    with pytest.raises(UnusableReplyError) as refused:
        read_reply(reply, [0, 1], stop_reason=stop)
    assert refused.value.failure is failure


@pytest.mark.parametrize(
    "reply",
    [
        "好用",
        "“好用”。",
        '{"4": "好用"}',
        '{"1": "好用"}',
        '{"caption": "好用"}',
        '["好用"]',
        "4: 好用",
        "文本框 4：好用",
        '"4": "好用"',
        "**好用**",
    ],
)
def test_a_request_for_one_box(reply: str) -> None:
    """A single caption that is refused for its key, though there is no other box that it could belong to."""
    assert read_reply(reply, [3]) == ["好用"]


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        ("我没有看到图片，请上传", Failure.unparsable),
        ("您好，我是小助手，请问有什么可以帮您？", Failure.unparsable),
        ("服务器繁忙，请稍后重试", Failure.unparsable),
        ('{"error": "图片无法显示"}', Failure.unparsable),
        ('{"5": "好的"}', Failure.wrong_count),
        ("5: 好的", Failure.wrong_count),
        ('{"4": "文案"}', Failure.empty),
    ],
)
def test_what_is_no_caption_of_one_box(reply: str, failure: Failure) -> None:
    """What models and servers say when something went wrong, scored as a caption and final in the cache."""
    with pytest.raises(UnusableReplyError) as refused:
        read_reply(reply, [3])
    assert refused.value.failure is failure


def test_one_refusal_refuses_a_reply() -> None:
    """A box about which a model says that it cannot, among others that it has captioned."""
    with pytest.raises(UnusableReplyError):
        read_reply('{"1": "新品", "2": "无法识别"}', [0, 1])


def test_punctuation_within_a_caption_stays() -> None:
    """Full-width signs of a caption made half-width, since those of the JSON around it may have to be."""
    assert read_reply('{"1": "柔软：“像云”，不勒", "2": "好用！"}', [0, 1]) == ["柔软：“像云”，不勒", "好用！"]
