"""Intent and entities in one fine-tuned transformer: trained with torch, served by onnxruntime and numpy."""
