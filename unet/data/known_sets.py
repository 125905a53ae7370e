"""Descriptions of data sets, for model cards: what they contain and who made them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class DataSet:
    """The name, identifier (for the card's metadata) and description (Markdown) of a data set."""

    name: str
    identifier: str
    description: str


# By the name of the data folder.
KNOWN_DATA = {
    "iseg": DataSet(
        "Interactive Segmentation",
        "interactive-segmentation",
        "photographs with foreground masks collected by Gulshan, Rother, Criminisi, Blake and Zisserman "
        "(*Geodesic Star Convexity for Interactive Image Segmentation*, CVPR 2010) from the GrabCut set (Rother, "
        "Kolmogorov and Blake 2004), PASCAL VOC (Everingham et al. 2010) and the alpha matting benchmark (Rhemann "
        "et al. 2009); on Kaggle as "
        "[4quant/interactivesegmentation](https://www.kaggle.com/datasets/4quant/interactivesegmentation). "
        "A band of unknown pixels lies along the contours; it counts neither in training nor in the scores.",
    ),
    "ecssd": DataSet(
        "ECSSD",
        "ecssd",
        "photographs with masks of their salient objects, the "
        "[Extended Complex Scene Saliency Dataset](http://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html) "
        "of Yan, Xu, Shi and Jia (*Hierarchical Saliency Detection*, CVPR 2013) and Shi, Yan, Xu and Jia "
        "(*Hierarchical Image Saliency Detection on Extended CSSD*, TPAMI 2016).",
    ),
    "duts": DataSet(
        "DUTS",
        "duts",
        "DUTS-TR, 10,553 photographs from ImageNet and SUN with masks of their salient objects, published for research "
        "by Wang, Lu, Wang, Feng, Wang, Yin and Ruan (*Learning to Detect Salient Objects with Image-level "
        "Supervision*, CVPR 2017).",
    ),
    "camvid": DataSet(
        "CamVid",
        "camvid",
        "frames of videos from a car in Cambridge by Brostow, Fauqueur and Cipolla (*Semantic Object Classes in Video: "
        "A High-Definition Ground Truth Database*, Pattern Recognition Letters 2009), with the 11 classes and the 367, "
        "101 and 233 pictures of SegNet (Badrinarayanan, Kendall and Cipolla, TPAMI 2017), for non-commercial use.",
    ),
    "people": DataSet(
        "People",
        "people",
        "photographs of people: portraits of EG1800, published for academic exchange by Shen, Hertzmann, Jia, Paris, "
        "Price, Shechtman and Sachs (*Automatic Portrait Segmentation for Image Stylization*, Eurographics 2016), and "
        "fashion photographs of Clothing Co-Parsing by Yang, Luo and Lin (*Clothing Co-Parsing by Joint Image "
        "Segmentation and Labeling*, CVPR 2014), where all garments, skin and hair together are foreground.",
    ),
}


def describe_data(folder: str) -> DataSet:
    """Describe the data set in a folder of that name, or on the Hub as USER/NAME."""
    if folder.lower() in KNOWN_DATA:
        return KNOWN_DATA[folder.lower()]
    if re.fullmatch(r"[\w.-]+/[\w.-]+", folder):
        card = f"[its card](https://huggingface.co/datasets/{folder})"
        return DataSet(folder, folder, f"photographs with masks, streamed from the Hub; see {card} for terms.")
    identifier = re.sub(r"[^a-z0-9._/-]+", "-", folder.lower()).strip("-") or "data"
    return DataSet(folder, identifier, "photographs with masks from a folder of this name; ask its owner for terms.")
