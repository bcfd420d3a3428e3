"""The smallest ResNet that tests train."""

from typing import Any

SMALL_RESNET: dict[str, Any] = {"layers": [1, 1, 1, 1], "channels": [16, 16, 16, 24]}
"""`model_args` of timm's resnet18. Not narrower: with fewer than 16 channels (8 without AVX-512), the weights' gradient
of a strided 1x1 convolution writes past its memory on CPUs, channels last (uxlfoundation/oneDNN#6035)."""
