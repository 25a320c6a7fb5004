"""A pretrained image encoder in the form of transformers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, final

from kshot.encoders import DualTower, HubEncoder, is_dual
from kshot.episode import Inputs
from kshot.errors import KshotError
from kshot.functional import differentiable
from kshot.hub import ModelFiles
from PIL import Image
from torch import Generator, Tensor, nn

from kshot_image.augmentation import Augmentation, Name
from kshot_image.cropping import refuse_slim
from kshot_image.encoders.mappable import with_mappable_layers
from kshot_image.encoders.patch_pooling import POOLINGS, tokens_before, usual_pooling
from kshot_image.encoders.standard import Brightness
from kshot_image.pictures import named, plain

PIXELS = "pixel_values"

MAPPED = (
    "clip_vision_model",
    "convnext",
    "deit",
    "dinov2",
    "dinov2_with_registers",
    "resnet",
    "siglip_vision_model",
    "swin",
    "vit",
)
"""Model types whose second derivatives under ``torch.func.vmap`` the tests have compared with a
loop's: others go from task to task."""

_VARIED = {"mask_ratio": 0.0, "pos_embed_shift": None, "pos_embed_jitter": None, "pos_embed_rescale": None}
"""What some models vary by chance in every call, and the setting by which they do not: ViT MAE hides three
patches of four, even where it is only asked for a state, and DINOv3 moves and scales its positions in
training."""


@final
class HubImage(HubEncoder):
    """States of a pretrained vision model, pooled; of CLIP and its kin the vision tower.

    Of CLIP the state before its projection to the text's space is taken, as its authors do where
    a linear classifier is put on it (Radford et al., "Learning transferable visual models from natural
    language supervision", ICML 2021, section 3.2). Where texts are to be compared with, ``shared`` takes
    the tower with its projection.

    Args:
        files: where the model lies.
        pooling: name of a pooling in place of the model's usual one.
        augment: see :class:`Augmentation`.

    Raises:
        KshotError: the folder does not hold an image encoder, not all of it, or nothing to pool so; or
            its image processor leaves pictures on a scale that cannot be augmented.
    """

    modality = "image"

    def __init__(self, files: ModelFiles, pooling: str | None = None, augment: Sequence[Name] = ()) -> None:
        from transformers import AutoImageProcessor

        model, missing = (load_shared if pooling == "shared" else load_tower)(files)
        super().__init__(files, with_mappable_layers(model))
        own_code = type(model).__module__.partition(".")[0] != "transformers"
        self.vmap = not own_code and model.config.model_type in MAPPED
        self._processor = files.load(AutoImageProcessor)
        self._augmentation = Augmentation(augment)
        self._brightness = _brightness(self._processor, files.who) if augment else None
        self._pool = POOLINGS[pooling] if pooling else usual_pooling(model)
        self._first = tokens_before(model)
        small, large = (self._made([Image.new("RGB", (side, side))]) for side in (64, 96))
        self._of_squares = small.shape[2:] if small.shape == large.shape else None
        self.dim = self._settle({PIXELS: small}, missing, "a picture")

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B PIL images → ``pixel_values`` (B, C, H, W) as the model's image processor makes them.

        Raises:
            DataError: an example that is no PIL image, whose mode cannot be shown, that is too slim, or of which
                the processor makes another shape than of others.
        """
        pictures: list[Image.Image] = []
        for number, image in enumerate(raw):
            with named(image, number, self._who):
                pictures.append(plain(image).convert("RGB"))
                refuse_slim(image)
        try:
            made = self._made(pictures)
        except ValueError:  # several shapes in one batch
            self._refuse_shapes(pictures)
            raise
        if self._of_squares and made.shape[2:] != self._of_squares:
            self._refuse_shapes(pictures)
        return {PIXELS: made}

    def _made(self, pictures: Sequence[Image.Image]) -> Tensor:
        made = self._processor(pictures, return_tensors="pt", input_data_format="channels_last")
        return made[PIXELS]

    def _refuse_shapes(self, pictures: Sequence[Image.Image]) -> None:
        """Refuse the first of some pictures that would not fit into a batch with squares, or with the first:
        a processor without a crop leaves pictures their proportions, and what is padded a network would see."""
        wanted = self._of_squares or self._made(pictures[:1]).shape[2:]
        for number, image in enumerate(pictures):
            height, width = self._made([image]).shape[2:]
            if (height, width) != tuple(wanted):
                with named(image, number, self._who):
                    raise ValueError(
                        f"the image processor makes {height} x {width} of it, and {wanted[0]} x {wanted[1]} of "
                        f"{'squares' if self._of_squares else 'others'}, so that they cannot be compared; crop the "
                        "pictures alike, or set do_center_crop and crop_size in preprocessor_config.json"
                    )

    def forward(self, inputs: Inputs) -> Tensor:
        """``pixel_values`` (B, C, H, W) → (B, dim)."""
        with differentiable():
            return self._pool(self.model(pixel_values=inputs[PIXELS]), self._first)

    def augment(self, inputs: Inputs, generator: Generator) -> Inputs:
        """Vary the pictures."""
        if self._brightness is None:
            return inputs
        varied = self._augmentation(self._brightness.of(inputs[PIXELS]), generator)
        return {PIXELS: self._brightness.standardised(varied)}

    @property
    def augments(self) -> bool:
        """True where pictures are varied."""
        return bool(self._augmentation)


def _brightness(processor: Any, who: str) -> Brightness:
    """What the image processor does to pixels between 0 and 1, so that it can be undone."""
    bytes_to_one = getattr(processor, "do_rescale", False) and processor.rescale_factor == 1 / 255
    if not bytes_to_one:
        raise KshotError(
            f"{who}: its image processor does not bring pixels between 0 and 1, where augment works; "
            "leave augment out"
        )
    if not getattr(processor, "do_normalize", False):
        return Brightness([0.0], [1.0])
    return Brightness(processor.image_mean, processor.image_std)


def load_tower(files: ModelFiles) -> tuple[Any, Collection[str]]:
    """The folder's network, of one for images and texts the part for images.

    Returns:
        the network, and the names of its parameters that the folder has no weights for.

    Raises:
        KshotError: as :meth:`ModelFiles.load`, and for a model that sees no pictures.
    """
    model, drawn = _load(files)
    tower = getattr(model, "vision_model", model)
    if getattr(tower, "main_input_name", None) != PIXELS:
        raise KshotError(f"{files.who}: the model there does not see pictures ({type(model).__name__})")
    return tower, _among(tower, drawn)


def load_shared(files: ModelFiles) -> tuple[Any, Collection[str]]:
    """Of a dual network the part for images, up to where texts are compared with; as :func:`load_tower`.

    Raises:
        KshotError: as :meth:`ModelFiles.load`, and for a model that compares pictures with no texts.
    """
    model, drawn = _load(files)
    if not is_dual(model, "image"):
        raise KshotError(
            f"{files.who}: pooling 'shared' is of models that compare pictures with texts, as CLIP and SigLIP "
            f"do; the model there is a {type(model).__name__}; leave pooling out"
        )
    tower = DualTower(model, "image")
    return tower, _among(tower, drawn)


def _load(files: ModelFiles) -> tuple[Any, Collection[int]]:
    """The network, and which of its parameters the folder has no weights for."""
    from transformers import AutoModel

    model, lacking = files.load_model(AutoModel)
    for module in model.modules():
        config = getattr(module, "config", None)
        for name, off in _VARIED.items():
            if hasattr(config, name):
                setattr(config, name, off)
    return model, {id(one) for name, one in model.named_parameters() if name in lacking}


def _among(tower: nn.Module, drawn: Collection[int]) -> Collection[str]:
    return {name for name, one in tower.named_parameters() if id(one) in drawn}
