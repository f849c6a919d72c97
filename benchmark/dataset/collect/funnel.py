"""A picture of the account: for each stage two bars, pictures and lines, and beside them why the rest went."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from .account import Stage

_WIDTH, _ROW, _LEFT, _BAR = 1000, 74, 110, 440  # pixels: of the drawing, of a stage, where bars begin, of a full bar
_PICTURES, _LINES, _GONE, _INK = (31, 119, 180), (148, 196, 230), (238, 238, 238), (40, 40, 40)
_REASONS = 3  # commonest reasons that are written beside a stage


def funnel_picture(stages: Sequence[Stage]) -> Image.Image:
    """Draw the stages from top to bottom; a full bar is the most that any stage was given."""
    drawn = Image.new("RGB", (_WIDTH, 40 + _ROW * len(stages)), "white")
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(15)
    pen.text((_LEFT, 10), "pictures", fill=_PICTURES, font=font)
    pen.text((_LEFT + 90, 10), "lines that may become captions", fill=(90, 150, 195), font=font)
    most_images = max([stage.images_in for stage in stages], default=1) or 1
    most_lines = max([stage.lines_in for stage in stages], default=1) or 1
    for i, stage in enumerate(stages):
        top = 40 + i * _ROW
        pen.text((12, top + 18), stage.name, fill=_INK, font=font)
        bars = (
            (top + 4, stage.images_in, stage.images_out, most_images, _PICTURES),
            (top + 32, stage.lines_in, stage.lines_out, most_lines, _LINES),
        )
        for y, given, passed, most, colour in bars:
            pen.rectangle([_LEFT, y, _LEFT + _BAR * given / most, y + 22], fill=_GONE)
            if passed:
                pen.rectangle([_LEFT, y, _LEFT + _BAR * passed / most, y + 22], fill=colour)
            pen.text((_LEFT + _BAR + 10, y + 3), f"{passed:,}", fill=_INK, font=font)
        reasons = {f"picture: {reason}": n for reason, n in stage.images_by_reason.items()} | stage.lines_by_reason
        commonest = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:_REASONS]
        for k, (reason, n) in enumerate(commonest):
            pen.text((_LEFT + _BAR + 90, top + 2 + 20 * k), f"{n:,} {reason}", fill=_INK, font=font)
    return drawn
