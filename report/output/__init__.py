"""Output formats: HTML, PDF, Markdown and JUnit."""
