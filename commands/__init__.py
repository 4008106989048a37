"""Commands of study.py besides the study itself."""
