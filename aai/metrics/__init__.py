"""How good answers are, against truths that a person gave; every figure is from 0 to 1."""
