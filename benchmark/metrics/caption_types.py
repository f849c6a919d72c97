"""Caption types: whether each kind of caption is where the references have it (paper section 5.5, Figure 3).

The paper groups reference captions into four types by k-means on sentence-level BERT embeddings, gives every generated
caption the type of its nearest centroid, and shows where on the image each type occurs.

Embedding-based numbers drift with library versions, so a type model is a folder of fixed files, never a fresh fit:
`types.json` names the encoder, its SHA-256, the centroids and golden captions whose types are checked on loading. The
one for mini is part of this package; `python -m benchmark.fit_types` makes others (for the real data set from
bert-base-chinese with mean pooling, which is what SentenceTransformer does with a plain BERT).

Needs the extra `types` (sentence-transformers).
"""

import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..cache import cache_directory
from ..errors import DamagedError, InputError
from ..files import replace_when_complete
from ..shell import quoted
from .corpus import Corpus

FORMAT = "caponimage-types/1"
N_TYPES, CELLS = 4, 8

#: Type models which this package ships.
SHIPPED = {"mini": Path(__file__).parent / "caption_types_mini"}


@dataclass(frozen=True)
class TypeModel:
    """A fixed sentence encoder and the centroids of its caption types."""

    folder: Path
    encoder: str  # folder beside types.json, other folder, or a SentenceTransformer name
    encoder_sha256: str | None  # None for an encoder which is a name, not files
    centroids: np.ndarray  # (N_TYPES, dimensions)
    golden: dict[str, int]  # caption -> type

    @cached_property
    def _transformer(self) -> Any:
        return load_encoder(str(self.folder / self.encoder) if (self.folder / self.encoder).is_dir() else self.encoder)

    @property
    def sha256(self) -> str:
        """SHA-256 of everything that decides a type: the encoder's files and the centroids."""
        return hashlib.sha256(f"{self.encoder_sha256 or self.encoder} {self.centroids.tolist()}".encode()).hexdigest()

    def distances(self, captions: Sequence[str]) -> np.ndarray:
        """Squared distance of each caption to each centroid, shape (len(captions), N_TYPES)."""
        distinct = sorted(set(captions))
        embeddings = _cached_embeddings(self.sha256, distinct, lambda texts: embed(self._transformer, texts))
        distances = ((embeddings[:, None, :] - self.centroids[None]) ** 2).sum(axis=2)
        place = {caption: i for i, caption in enumerate(distinct)}
        return np.asarray(distances[[place[caption] for caption in captions]])

    def assign(self, captions: Sequence[str]) -> np.ndarray:
        """Type of each caption, 0..3: its nearest centroid; shape (len(captions),)."""
        return np.asarray(self.distances(captions).argmin(axis=1))


def load_encoder(name: str) -> Any:
    """Load a SentenceTransformer from a folder or by name.

    Raises:
        InputError: if the extra is not installed, or the model is neither a folder nor to be downloaded.
    """
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        raise InputError("caption types need sentence-transformers; try: pip install 'caponimage[types]'") from None
    disable_progress_bar()  # type: ignore[no-untyped-call]
    local = Path(name).is_dir()
    try:
        return SentenceTransformer(name, device="cpu", local_files_only=local)
    except (OSError, ValueError) as error:
        what = "cannot be loaded from that folder" if local else "is no folder here, and could not be downloaded"
        raise InputError(f"sentence encoder {name!r} {what} ({str(error).splitlines()[0]:.200})") from None


def embed(transformer: Any, captions: Sequence[str]) -> np.ndarray:
    """Unit-length sentence embeddings, float32, shape (len(captions), dimensions)."""
    embeddings = transformer.encode(
        list(captions), batch_size=256, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
    )
    return np.asarray(embeddings, np.float32)


def _cached_embeddings(key: str, captions: Sequence[str], encode: Any) -> np.ndarray:
    """Embeddings from a cache keyed by text hash: a caption is encoded once per type model, libraries and machine.

    A vector is believed only with its digest. Where the cache cannot be read or written, everything is encoded.
    """
    hashes = [hashlib.sha256(caption.encode("utf-8", "surrogatepass")).digest() for caption in captions]
    found: dict[bytes, bytes] = {}
    with suppress(OSError, sqlite3.Error, InputError), closing(_open_store(key)) as store:
        select = "SELECT vector, digest FROM vectors WHERE hash = ?"
        try:
            rows = [(h, *row) for h in hashes for row in store.execute(select, (h,))]
        except sqlite3.OperationalError:  # locked
            raise
        except sqlite3.DatabaseError:  # damaged behind its first page
            rows = []
            _path_of_store(key).unlink(missing_ok=True)
        found = {h: vector for h, vector, digest in rows if isinstance(vector, bytes) and digest == _digest(h, vector)}
    missing = [(h, caption) for h, caption in zip(hashes, captions, strict=True) if h not in found]
    if missing:
        vectors = encode([caption for _, caption in missing])
        new = {h: vector.astype("<f4").tobytes() for (h, _), vector in zip(missing, vectors, strict=True)}
        found |= new
        with suppress(OSError, sqlite3.Error, InputError), closing(_open_store(key)) as store, store:
            kept = ((h, vector, _digest(h, vector)) for h, vector in new.items())
            store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", kept)
    return np.stack([np.frombuffer(found[h], "<f4") for h in hashes])


def _digest(text_hash: bytes, vector: bytes) -> bytes:
    return hashlib.sha256(text_hash + vector).digest()


def _open_store(key: str) -> sqlite3.Connection:
    """Open the cache of a type model and of the libraries that embed; one that is damaged is made anew."""
    path = _path_of_store(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    create = "CREATE TABLE IF NOT EXISTS vectors (hash BLOB PRIMARY KEY, vector BLOB, digest BLOB)"
    for _ in range(2):
        store = sqlite3.connect(path, timeout=60)
        try:
            store.execute(create)
            return store
        except sqlite3.OperationalError:  # locked, or not to be written
            store.close()
            raise
        except sqlite3.DatabaseError:
            store.close()
            path.unlink(missing_ok=True)
    raise OSError(f"{path} cannot be made")


def _path_of_store(key: str) -> Path:
    libraries = [f"{name} {_version_of(name)}" for name in ("sentence-transformers", "transformers", "torch")]
    place = hashlib.sha256("\n".join([key, *libraries]).encode()).hexdigest()
    return cache_directory() / "embeddings" / f"{place[:16]}.sqlite"


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def load_type_model(name: str) -> TypeModel:
    """Load a type model by name ("mini") or from a folder.

    Raises:
        InputError: if there is none, its encoder is not the one it was fitted with, or golden captions get other
            types than they had (the libraries installed here compute other embeddings).
    """
    folder = SHIPPED.get(name, Path(name))
    try:
        stored = json.loads((folder / "types.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise InputError(
            f"no caption-type model {name!r}: expected 'mini' or a folder with types.json; "
            f"fit one: python -m benchmark.fit_types --encoder {quoted(name)} --data DIR -o FOLDER"
        ) from None
    if not isinstance(stored, dict):
        raise DamagedError(f"{folder / 'types.json'}: holds no JSON object; restore it")
    if stored.get("format") == FORMAT and stored.get("sha256") != _content_sha256(stored):
        raise DamagedError(f"{folder / 'types.json'}: was damaged or changed after it was fitted; restore it")
    if stored.get("format") != FORMAT:
        raise InputError(f"{folder / 'types.json'}: format is {stored.get('format')!r:.80}, expected {FORMAT!r}")
    model = TypeModel(
        folder, stored["encoder"], stored["encoder_sha256"], np.array(stored["centroids"], np.float32), stored["golden"]
    )
    if model.encoder_sha256 is not None and (found := folder_sha256(folder / model.encoder)) != model.encoder_sha256:
        raise InputError(f"{folder / model.encoder}: SHA-256 is {found}, expected {model.encoder_sha256}; restore it")
    golden = model.assign(list(model.golden))
    moved = [c for c, was, now in zip(model.golden, model.golden.values(), golden.tolist(), strict=True) if was != now]
    if moved:
        raise InputError(
            f"{len(moved)} of {len(golden)} golden captions changed their type with the libraries installed here "
            f"(first: {moved[0]}); type scores would not be comparable, so none are printed"
        )
    return model


def _content_sha256(stored: dict[str, Any]) -> str:
    """SHA-256 of all that `types.json` holds but for that digest itself."""
    rest = {key: value for key, value in stored.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def folder_sha256(folder: Path) -> str:
    """SHA-256 over the relative names and contents of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def type_map(types: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Count the captions of each type whose box centre is in each cell of an 8 x 8 grid.

    Args:
        types: type of each caption, shape (n_boxes,).
        boxes: boxes as ratios [x1, y1, x2, y2], shape (n_boxes, 4).

    Returns:
        Counts, shape (N_TYPES, CELLS, CELLS), indexed [type, row, column].
    """
    cells = np.minimum(((boxes[:, :2] + boxes[:, 2:]) / 2 * CELLS).astype(np.int64), CELLS - 1)
    flat = (types * CELLS + cells[:, 1]) * CELLS + cells[:, 0]
    return np.bincount(flat, minlength=N_TYPES * CELLS * CELLS).reshape(N_TYPES, CELLS, CELLS)


def jensen_shannon(counts: np.ndarray, others: np.ndarray) -> float:
    """Jensen-Shannon divergence (base 2) of two histograms of the same shape: 0 equal, 1 nowhere in common."""
    p, q = counts.ravel().tolist(), others.ravel().tolist()
    total_p, total_q = sum(p), sum(q)
    terms = []
    for a, b in zip(p, q, strict=True):
        x, y = a / total_p, b / total_q
        middle = (x + y) / 2
        terms += [share / 2 * math.log2(share / middle) for share in (x, y) if share]
    return max(0.0, math.fsum(terms))


def score_types(corpus: Corpus, boxes: np.ndarray, *, encoder: str = "mini") -> dict[str, Any]:
    """Compute the numbers behind Figure 3.

    Args:
        corpus: predictions and references.
        boxes: boxes as ratios [x1, y1, x2, y2], shape (n_boxes, 4).
        encoder: type model, by name or folder; see `load_type_model`.

    Returns:
        `agreement` (share of boxes with the reference's type, x 100), `divergence` of the type-by-place maps (0 to 1),
        `shares` and `reference_shares` of the types (x 100), and the type model: `encoder`, `sha256`.
    """
    model = load_type_model(encoder)
    predicted, referenced = model.assign(corpus.predictions), model.assign(corpus.references)
    maps = type_map(predicted, boxes), type_map(referenced, boxes)
    shares, reference_shares = ((m.sum(axis=(1, 2)) / corpus.n_boxes * 100).tolist() for m in maps)
    return {
        "agreement": int((predicted == referenced).sum()) / corpus.n_boxes * 100,
        "divergence": jensen_shannon(*maps),
        "shares": shares,
        "reference_shares": reference_shares,
        "encoder": encoder,
        "sha256": model.sha256,
    }


def fit_type_model(encoder: str, captions: Sequence[str], folder: Path, *, seed: int = 0) -> TypeModel:
    """Fit and store a type model: k-means, k = 4, on the embeddings of reference captions.

    Types are numbered by their share, the largest first. Golden captions: the 25 nearest to each centroid, each much
    nearer to its own than to any other, so that rounding cannot move them.

    Args:
        encoder: folder (inside `folder`, or anywhere) or name of a SentenceTransformer.
        captions: reference captions, repeats included.
        folder: folder to write `types.json` to.
        seed: random seed of k-means.

    Raises:
        InputError: if the encoder cannot be loaded, or there are fewer than 100 distinct captions.
    """
    distinct = sorted(set(captions))
    if len(distinct) < 100:
        raise InputError(f"got {len(distinct)} distinct captions, expected at least 100 to fit {N_TYPES} types")
    inside = (folder / encoder).is_dir()
    path = folder / encoder if inside else Path(encoder)
    embeddings = embed(load_encoder(str(path)), distinct)
    from sklearn.cluster import KMeans

    weights = np.unique(np.array(captions), return_counts=True)[1]
    means = KMeans(N_TYPES, n_init=20, random_state=seed).fit(embeddings, sample_weight=weights)
    shares = np.bincount(means.labels_, weights, N_TYPES)
    centroids = means.cluster_centers_[np.argsort(-shares, kind="stable")]
    distances = np.linalg.norm(embeddings[:, None] - centroids[None], axis=2)
    nearest = np.sort(distances, axis=1)
    margin = nearest[:, 1] - nearest[:, 0]
    golden: dict[str, int] = {}
    for kind in range(N_TYPES):
        mine = np.flatnonzero(distances.argmin(axis=1) == kind)
        golden |= {distinct[i]: kind for i in mine[np.argsort(-margin[mine], kind="stable")][:25]}
    stored: dict[str, Any] = {
        "format": FORMAT,
        "encoder": encoder if inside else os.fspath(path) if path.is_dir() else encoder,
        "encoder_sha256": folder_sha256(path) if path.is_dir() else None,
        "centroids": centroids.astype(np.float32).tolist(),
        "golden": golden,
    }
    stored["sha256"] = _content_sha256(stored)
    with replace_when_complete(folder / "types.json") as partial:
        partial.write_text(json.dumps(stored, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    return load_type_model(str(folder))
