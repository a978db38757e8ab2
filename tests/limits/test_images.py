from types import SimpleNamespace

import numpy as np
import pytest
from mistral_common.protocol.instruct.chunk import ImageChunk
from mistral_common.tokens.tokenizers.image import ImageConfig, ImageEncoder, SpecialImageIDs
from PIL import Image

from cosmos_workflow.limits import PixtralImages, QwenImages

REFERENCE = ImageEncoder(ImageConfig(image_patch_size=16, max_image_size=1024), SpecialImageIDs(10, 12, 13))
RULES = [PixtralImages(), PixtralImages(max_side=1540, patch=14, merge=2), QwenImages()]


def random_sizes(count: int, seed: int = 0) -> np.ndarray:
    """Sizes of 1 to 8192, half of them spread over the orders of magnitude; shape (count, 2)."""
    rng = np.random.default_rng(seed)
    even = rng.integers(1, 8193, (count // 2, 2))
    small = np.exp(rng.uniform(0, np.log(8192), (count - count // 2, 2))).astype(int)
    return np.concatenate([even, np.clip(small, 1, 8192)])


def reference_tokens(width: int, height: int) -> int:
    columns, rows = REFERENCE._image_to_num_tokens(SimpleNamespace(size=(width, height)))
    return rows * (columns + 1)


def test_pixtral_is_mistral_commons_count_for_30000_sizes() -> None:
    sizes = random_sizes(30_000)
    rule = PixtralImages()
    wrong = [(w, h) for w, h in sizes.tolist() if rule.tokens(w, h) != reference_tokens(w, h)]
    assert wrong == []


@pytest.mark.parametrize(
    "size", [(1, 1), (16, 16), (17, 16), (960, 540), (1025, 17), (3000, 7), (1, 2500), (1920, 1080)]
)
def test_pixtral_is_mistral_commons_encoding_of_a_real_image(size: tuple[int, int]) -> None:
    encoded = REFERENCE(ImageChunk(image=Image.new("RGB", size)))
    assert PixtralImages().tokens(*size) == len(encoded.tokens)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_many_sizes_at_once_cost_what_they_cost_alone(rule: PixtralImages | QwenImages) -> None:
    sizes = random_sizes(20_000, seed=1)

    def alone(width: int, height: int) -> int:
        try:
            return rule.tokens(width, height)
        except ValueError:
            return -1

    together = rule.tokens_many(sizes[:, 0], sizes[:, 1])
    assert together.tolist() == [alone(w, h) for w, h in sizes.tolist()]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_an_edge_is_the_last_pixel_of_its_cell(rule: PixtralImages | QwenImages) -> None:
    for edge in rule.edges()[3:30]:
        assert rule.tokens(edge, 300) < rule.tokens(edge + 1, 300), edge
        assert rule.tokens(edge - 1, 300) == rule.tokens(edge, 300), edge


def test_qwen_refuses_what_its_processor_refuses() -> None:
    with pytest.raises(ValueError, match="aspect ratio"):
        QwenImages().tokens(8000, 30)
