"""`croissant.json`: the data set in the vocabulary of Croissant (MLCommons, version 1.0), which catalogues read.

Invariant: files are named relative to the data set's folder and stated with their SHA-256.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...integrity import sha256_of

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

#: Columns that are one value a row, with their type and what they are.
_FIELDS = {
    "image_id": ("sc:Text", "Id of the image; its picture is images/<image_id>.png."),
    "width": ("sc:Integer", "Width of the picture in pixels."),
    "height": ("sc:Integer", "Height of the picture in pixels."),
    "title": ("sc:Text", "Title of the product."),
    "attributes": ("sc:Text", "Attributes of the product."),
    "category": ("sc:Text", "Category of the product."),
}


def croissant(
    folder: Path, name: str, splits: Sequence[str], *, description: str, licences: Mapping[str, int], published: str
) -> dict[str, Any]:
    """The content of `croissant.json`.

    Args:
        folder: folder of the data set, whose Parquet files are there.
        name: name of the data set.
        splits: names of its splits.
        description: what it is, in a sentence.
        licences: licences of the pictures and how many have each; "" is an unknown one.
        published: date, such as "2026-11-28".
    """
    files = [
        {
            "@type": "cr:FileObject",
            "@id": f"{split}.parquet",
            "name": f"{split}.parquet",
            "contentUrl": f"{split}.parquet",
            "encodingFormat": "application/x-parquet",
            "sha256": sha256_of(folder / f"{split}.parquet"),
        }
        for split in splits
    ]
    known = sorted(licence for licence in licences if licence)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": description,
        "datePublished": published,
        "version": "1.0.0",
        "license": known if known and "" not in licences else "not told for all pictures",
        "distribution": files,
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": split,
                "name": split,
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"{split}/{column}",
                        "name": column,
                        "description": meaning,
                        "dataType": kind,
                        "source": {"fileObject": {"@id": f"{split}.parquet"}, "extract": {"column": column}},
                    }
                    for column, (kind, meaning) in _FIELDS.items()
                ],
            }
            for split in splits
        ],
    }
