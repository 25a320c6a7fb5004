"""Entry point: specs only, no heavy import."""

from __future__ import annotations

from collections.abc import Sequence

from kshot import EncoderSpec, LearnerSpec, ReaderSpec, SourceSpec, Trial, hookimpl

from kshot_image.datasets import NAMED

KSHOT_API = 1

_STEEP = "49 batch norms on six pictures' own statistics bend the loss more than differences can follow"


@hookimpl
def kshot_encoders() -> Sequence[EncoderSpec]:
    return (
        EncoderSpec(
            name="conv4",
            modality="image",
            summary="the field's four-block backbone: 3x3 convolution, batch norm, ReLU, 2x2 max-pool",
            factory="kshot_image.encoders.conv4:conv4",
            paper="Vinyals et al., Matching networks for one shot learning, NeurIPS 2016",
            trial=Trial({"width": 4, "size": 12}),
        ),
        EncoderSpec(
            name="crnn",
            modality="image",
            summary="lines of writing of any length: convolutions, GRU over columns, attention pooling",
            factory="kshot_image.encoders.crnn:crnn",
            trial=Trial({"dim": 8, "width": 3, "heads": 2, "height": 8, "longest": 20}),
            paper="Shi et al., An end-to-end trainable network for scene text recognition, TPAMI 2017",
        ),
        EncoderSpec(
            name="efficientnet_lite0",
            modality="image",
            summary="EfficientNet-Lite0 with ImageNet weights, 1280 wide (extra: efficientnet)",
            factory="kshot_image.encoders.efficientnet:efficientnet_lite0",
            paper="Tan and Le, EfficientNet: rethinking model scaling, ICML 2019",
            licence="Apache-2.0",
            trial=Trial(
                {"size": 64}, {"second_order": _STEEP, "vmap": _STEEP}, modules=("efficientnet_lite_pytorch",)
            ),
        ),
        EncoderSpec(
            name="hf-image",
            modality="image",
            summary="any Hugging Face vision model by hub id or folder, CLIP's tower among them (extra: hf)",
            factory="kshot_image.encoders.hf_image:hf_image",
            paper="Wolf et al., Transformers, EMNLP 2020",
            licence="the model's own",
            takes="model",
            trial=Trial("kshot_image.trials:hf_image", modules=("transformers",)),
        ),
        EncoderSpec(
            name="resnet12",
            modality="image",
            summary="the field's deeper backbone: residual blocks of 64-160-320-640 channels, DropBlock",
            factory="kshot_image.encoders.resnet12:resnet12",
            paper="Lee et al., Meta-learning with differentiable convex optimization, CVPR 2019",
            trial=Trial({"width": 4, "size": 16}),
        ),
        EncoderSpec(
            name="pixels",
            modality="image",
            summary="raw pixels, the untrained baseline",
            factory="kshot_image.encoders.pixels:pixels",
            trial=Trial({"size": 12}),
        ),
        EncoderSpec(
            name="torchvision",
            modality="image",
            summary="any classification network of torchvision without its classifier, pretrained or not",
            factory="kshot_image.encoders.torchvision_backbone:torchvision_backbone",
            paper="TorchVision maintainers, TorchVision: PyTorch's computer vision library, 2016",
            licence="the weights' own; torchvision states it for some",
            takes="model",
            trial=Trial({"model": "resnet18", "weights": None, "size": 32}),
        ),
    )


@hookimpl
def kshot_learners() -> Sequence[LearnerSpec]:
    return (
        LearnerSpec(
            name="modified_hausdorff",
            summary="nearest picture by the distance between ink, untrained; for the encoder pixels",
            factory="kshot_image.hausdorff:ModifiedHausdorff",
            paper="Dubuisson, Jain, A modified Hausdorff distance for object matching, ICPR 1994",
            trial=Trial(encoder="pixels"),
        ),
    )


@hookimpl
def kshot_sources() -> Sequence[SourceSpec]:
    return (
        SourceSpec(
            name="digits",
            modality="image",
            summary="1,797 handwritten digits, 8x8, that scikit-learn brings along; train 0 to 5, test 6 to 9",
            factory="kshot_image.written_digits:digits",
            paper="Alpaydin, Kaynak, Cascading classifiers, Kybernetika 34(4), 1998",
            licence="CC BY 4.0",
            options={"split": "digits-6-4"},
            splits={"digits-6-4": {"train": list("012345"), "test": list("6789")}},
        ),
        SourceSpec(
            name="glyphs",
            modality="image",
            summary="letters of five scripts in 12 typefaces, drawn on the spot; test scripts unseen in training",
            factory="kshot_image.glyphs.source:glyphs",
            licence="Bitstream Vera and DejaVu fonts licence",
        ),
        SourceSpec(
            name="image_table",
            modality="image",
            summary="your own pictures: Parquet, CSV, JSON Lines, class folders, or the Hugging Face hub",
            factory="kshot_image.table:image_table",
            licence="that of your data",
            trial=Trial("kshot_image.trials:image_table"),
        ),
        SourceSpec(
            name="omniglot",
            modality="image",
            summary="1,623 handwritten characters of 50 alphabets, torchvision's folders or a Parquet file",
            factory="kshot_image.omniglot.source:omniglot",
            paper="Lake et al., Human-level concept learning, Science 350, 2015",
            licence="MIT (Brenden Lake 2015; class lists Jake Snell 2017)",
            trial=Trial(needs="a copy of Omniglot"),
        ),
        SourceSpec(
            name="omniglot_runs",
            modality="image",
            summary="Lake's 20 fixed runs of 20-way one-shot classification inside one alphabet",
            factory="kshot_image.omniglot.runs:omniglot_runs",
            paper="Lake et al., Human-level concept learning, Science 350, 2015",
            licence="MIT (Brenden Lake 2015)",
            trial=Trial(needs="a copy of the runs"),
        ),
        SourceSpec(
            name="tiny_pictures",
            modality="image",
            summary="for tests: 21 classes of one or two strokes, 12 pictures of 24x24 pixels each",
            factory="kshot_image.tiny:TinyPictures",
            tiny=True,
        ),
        SourceSpec(
            name="written_words",
            modality="image",
            summary="4,000 words drawn in 21 typefaces; test words and faces unseen in training",
            factory="kshot_image.written.source:WrittenWords",
            trial=Trial({"words": 100, "examples": 2, "test_examples": 2}),
            licence="DejaVu and STIX fonts licences, Computer Modern (BaKoMa); words: MIT, CC BY 3.0",
        ),
        *NAMED,
    )


@hookimpl
def kshot_readers() -> Sequence[ReaderSpec]:
    return (
        ReaderSpec(
            name="image",
            summary="a path, bytes, a PIL image, an array or a tensor",
            factory="kshot_image.reading:ImageReader",
            modality="image",
        ),
    )
