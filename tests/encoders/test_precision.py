import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from clipit.encoders.precision import inference


class Casts(TorchDispatchMode):
    """Shapes of what is converted to bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, function, types, arguments=(), settings=None):
        if function is torch.ops.aten._to_copy.default and (settings or {}).get("dtype") == torch.bfloat16:
            self.shapes.append(tuple(arguments[0].shape))
        return function(*arguments, **(settings or {}))


def test_weights_are_converted_once_and_sums_are_autocasts():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3)).eval(), torch.randn(4, 5)
    with inference("cpu", "bf16"), Casts() as casts:
        found = [model(x) for _ in range(3)]
    assert sorted(shape for shape in casts.shapes if shape in ((7, 5), (3, 7))) == [(3, 7), (7, 5)]
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        expected = model(x)
    assert all(torch.equal(output, expected) and not output.requires_grad for output in found)


def test_fp32_is_fp32():
    model, x = nn.Linear(5, 7), torch.randn(4, 5)
    with inference("cpu", "fp32"):
        assert model(x).dtype == torch.float32
