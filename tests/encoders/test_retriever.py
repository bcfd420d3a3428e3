import json
import shutil

import open_clip
import pytest
import torch

from clipit.encoders.aligned import AlignedClip, save_aligned
from clipit.encoders.backbone import build_backbone, save_backbone
from clipit.encoders.retriever import load_retriever, pad, truncate
from clipit.encoders.text_tower import load_text_tower
from clipit.encoders.weights import encoder_digest
from clipit.runtime.errors import UserError

TEXTS = ["normal mucosa", "Adenocarcinoma (grade 3) with mucin, and much more of it than anyone reads, of the colon."]


@pytest.fixture(params=["aligned", "open_clip", "open_clip_bert"])
def retriever(request):
    folder = request.getfixturevalue(f"{request.param}_folder")
    if request.param == "aligned":
        return load_retriever("aligned", str(folder))
    return load_retriever("open_clip", f"local-dir:{folder}")


def test_embeddings_are_unit_vectors_of_one_space(retriever):
    images = torch.randint(0, 256, (3, 40, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    tokens = [truncate(ids, retriever.context_length) for ids in retriever.tokenize(TEXTS)]
    with torch.inference_mode():
        v, t = retriever.encode_images(retriever.transform(images)), retriever.encode_texts(tokens)
    assert v.shape == (3, retriever.d)
    assert t.shape == (2, retriever.d)
    for embeddings in (v, t):
        assert embeddings.dtype == torch.float32
        assert torch.allclose(embeddings.norm(dim=1), torch.ones(len(embeddings)), atol=1e-5)


def test_its_parameters_are_those_of_both_towers(retriever):
    counted = {id(parameter): parameter.numel() for parameter in retriever.parameters()}
    text = sum(parameter.numel() for parameter in retriever.text_encoder().parameters())
    image = sum(parameter.numel() for parameter in retriever.image_backbone().module.parameters())
    assert sum(counted.values()) > text + image
    assert {id(parameter) for parameter in retriever.text_encoder().parameters()} <= set(counted)


def test_padding_does_not_change_a_texts_embedding(retriever):
    short, long = (truncate(ids, retriever.context_length) for ids in retriever.tokenize(TEXTS))
    with torch.inference_mode():
        alone, beside = retriever.encode_texts([short]), retriever.encode_texts([short, long])
    assert len(short) < len(long) == retriever.context_length
    assert torch.allclose(alone[0], beside[0], atol=1e-5)


def test_tokens_are_not_truncated_and_truncation_keeps_the_end_token(retriever):
    short, long = retriever.tokenize(TEXTS)
    assert len(long) > retriever.context_length
    assert long[-1] == short[-1]
    read = truncate(long, retriever.context_length)
    assert read == [*long[: retriever.context_length - 1], short[-1]]
    assert truncate(short, retriever.context_length) == short


def test_the_image_tower_is_a_backbone(retriever):
    backbone = retriever.image_backbone()
    images = torch.rand(2, 3, backbone.transform.size, backbone.transform.size)
    rebuilt = build_backbone(json.loads(json.dumps(backbone.spec)))
    rebuilt.load_state_dict(backbone.module.state_dict())
    with torch.inference_mode():
        features = backbone.module(images)
        assert features.shape == (2, backbone.d)
        assert torch.equal(rebuilt(images), features)
    assert backbone.digest == encoder_digest(rebuilt, backbone.transform)


@pytest.mark.parametrize("kind", ["open_clip", "open_clip_bert"])
def test_open_clip_agrees_with_open_clip(kind, request):
    name = f"local-dir:{request.getfixturevalue(f'{kind}_folder')}"
    retriever, model = load_retriever("open_clip", name), open_clip.create_model(name).eval()
    tokens = [truncate(ids, retriever.context_length) for ids in retriever.tokenize(TEXTS)]
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        expected = model.encode_text(open_clip.get_tokenizer(name)(TEXTS), normalize=True)
        assert torch.allclose(retriever.encode_texts(tokens), expected, atol=1e-6)
        assert torch.allclose(retriever.encode_images(images), model.encode_image(images, normalize=True), atol=1e-6)
    assert retriever.transform.mean == (0.4, 0.5, 0.6)
    assert retriever.transform.interpolation == "bilinear"


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("open_clip", "ViT-B-23:openai", "did you mean 'ViT-B"),
        ("open_clip", "ViT-B-32", "ViT-B-32:openai"),
        ("open_clip", "local-dir:nowhere", "there is no folder"),
        ("aligned", "nowhere", "does not exist"),
        ("clap", "x", "choose aligned, conch, open_clip"),
    ],
)
def test_an_unknown_retriever_is_the_users_mistake(kind, name, said):
    with pytest.raises(UserError, match=said):
        load_retriever(kind, name)


def test_an_open_clip_folder_without_weights_is_refused(open_clip_folder, tmp_path):
    shutil.copy(open_clip_folder / "open_clip_config.json", tmp_path)
    with pytest.raises(UserError, match="could not be loaded"):
        load_retriever("open_clip", f"local-dir:{tmp_path}")


def test_an_aligned_retriever_survives_the_disk_wherever_its_folder_is(aligned_folder, tmp_path, tiny):
    made, images = tiny.aligned(), torch.rand(2, 3, 32, 32)
    moved = load_retriever("aligned", str(shutil.copytree(aligned_folder, tmp_path / "moved")))
    tokens = made.tokenize(["tubular adenoma"])
    assert moved.digest == made.digest
    with torch.inference_mode():
        assert torch.equal(moved.encode_images(images), made.encode_images(images))
        assert torch.equal(moved.encode_texts(tokens), made.encode_texts(tokens))


def test_equal_models_are_equal_bytes(aligned_folder, tmp_path, tiny):
    save_aligned(tmp_path, tiny.aligned(), {"stage": "test"})
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 8
    for file in files:
        assert (tmp_path / file).read_bytes() == (aligned_folder / file).read_bytes()


def test_frozen_towers_are_referred_to_and_checked(timm_folder, text_folder, tmp_path, tiny):
    image, text = (shutil.copytree(source, tmp_path / source.name) for source in (timm_folder, text_folder))
    model = AlignedClip(tiny.resnet(), tiny.text(), d=8).eval()
    out = tmp_path / "aligned"
    save_aligned(out, model, {}, frozen_image=f"local-dir:{image}", frozen_text=str(text))
    assert sorted(path.name for path in out.iterdir()) == ["heads.safetensors", "retriever.json"]
    assert load_retriever("aligned", str(out)).digest == model.digest
    tiny.text(seed=1).save(text)
    with pytest.raises(UserError, match=f"other weights of {text}"):
        load_retriever("aligned", str(out))
    tiny.text().save(text)
    save_backbone(image, tiny.resnet(seed=1), {})
    with pytest.raises(UserError, match=f"other weights of local-dir:{image}"):
        load_retriever("aligned", str(out))


def test_a_folder_being_rewritten_is_not_a_retriever(aligned_folder, tmp_path, tiny):
    folder = shutil.copytree(aligned_folder, tmp_path / "x")
    broken = tiny.aligned()
    broken.text_tower.save = None  # fails half-way
    with pytest.raises(TypeError):
        save_aligned(folder, broken, {})
    with pytest.raises(UserError, match=r"retriever\.json does not exist"):
        load_retriever("aligned", str(folder))


def test_both_sides_of_an_aligned_clip_train(tiny):
    model = tiny.aligned().train()
    (1 - model.encode_images(torch.rand(4, 3, 32, 32)) @ model.encode_texts([[2, 4, 3]]).T).mean().backward()
    for tower in (model.image_tower, model.text_tower, model.image_projection, model.text_projection):
        assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in tower.parameters())


def test_words_are_lower_cased_and_unknown_ones_share_a_token(tiny):
    tower = tiny.text()
    known, same, unknown, other = tower.tokenize(["Colon, MUCIN", "colon , mucin", "colon, xylophone", "colon, zebra"])
    assert known == same
    assert unknown == other != known
    assert len(known) == 5  # start, colon, comma, mucin, end


def test_a_text_towers_features_are_the_mean_over_its_own_tokens(tiny):
    tower = tiny.text()
    ids = tower.tokenize(["normal mucosa of the colon"])
    with torch.inference_mode():
        states = tower.encoder(input_ids=pad(ids, 0)).last_hidden_state
        assert torch.allclose(tower(ids), states.mean(dim=1), atol=1e-6)


def test_a_text_tower_reads_no_more_than_it_can(text_folder):
    assert load_text_tower(str(text_folder)).context_length == 12
    assert load_text_tower(f"local-dir:{text_folder}", 5).context_length == 5
    assert load_text_tower(str(text_folder), 500).context_length == 12
