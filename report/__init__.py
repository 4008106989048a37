"""From a study's directory to its report: results → view model → charts → HTML and PDF."""
