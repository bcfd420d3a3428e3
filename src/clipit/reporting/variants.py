"""What each variant means, in plain sentences, for readers who train no models."""

MEANINGS = {
    "colour": "No network: mean and spread of the three colour channels alone. What is above this is more than stain.",
    "linear_probe": "The pretrained backbone as it is, with one linear layer on top; no text.",
    "no_lora": "CLIP-IT with the backbone left as it is: only the added layers learn.",
    "lora_only": "The backbone adapted to the task (LoRA) without any text. The fair control: same start, same steps.",
    "modules_only": "CLIP-IT's added layers and LoRA, but nothing is learnt from text. Shows what size alone brings.",
    "clipit": "The backbone adapted while it also learns to predict what the paired report says. Needs no text in use.",
    "clipit_unlabelled": "CLIP-IT, learning from the reports of unlabelled training patches as well.",
    "random_pairing": "CLIP-IT with a report drawn at random for every patch. Text cannot inform here.",
    "shuffled_text": "CLIP-IT with the same reports handed to the wrong patches, each as often as before.",
    "constant_text": "CLIP-IT with the average of all reports for every patch.",
    "image_distillation": "Learns from the retriever's view of the image, not of a report. Is it text, or a better CLIP?",
    "image_distillation_unlabelled": "Image distillation that uses the unlabelled training patches as well.",
    "class_prompt_distillation": "Learns from the name of the true class, as text, in place of a report.",
    "retriever_probe": "The retriever's own image features with a classifier on top; the backbone is not used.",
    "retriever_zeroshot": "The retriever alone, choosing the class whose name suits the image best; nothing is trained.",
    "oracle_pairing": "CLIP-IT with the pairing that is known to be right: the most that pairing could bring.",
    "early_fusion": "Image and predicted text are joined before the classifier, not after.",
    "direct_distillation": "The image features themselves learn to predict the report; no text branch.",
    "contrastive": "The retriever fine-tuned in CLIP's own way on the pairs.",
    "random_unlabelled": "CLIP-IT on unlabelled patches too, with random reports.",
    "pseudo_label": "Adapted without text; unlabelled patches get the model's own confident guesses as labels.",
    "teacher": "A classifier of the paired report alone: what the text knows of the class.",
}


def meaning(variant: str) -> str:
    """The sentence for a variant; families (`rank3`, `words_removed_30`) share one."""
    if variant in MEANINGS:
        return MEANINGS[variant]
    if variant.startswith("rank"):
        return f"CLIP-IT with each patch's report of rank {variant.removeprefix('rank')} in place of the best."
    if variant.startswith("words_removed_"):
        return f"CLIP-IT with {variant.removeprefix('words_removed_')}% of the words of every report removed."
    return "A variant of your own configuration."
